"""The search over a fine-tune's settings beside a full grid of them: the loss that each finds, and how long it takes.

    python benchmarks/bench_setting_search.py          # about an hour on two cores; --rows 24 for a shorter look

Both train SmolLM2-135M on the same calls of the demo's support inbox, in workspaces of their own so that neither finds
the other's jobs, and choose by validation loss. The grid trains each of its settings to the end, as a grid does.

The lowest of many losses is low by luck, too, and the grid has more of them. So the settings that each has chosen are
trained again with other seeds, by which nothing was chosen; `--again 2,16 1.6,32` does that alone, for a rate and a
rank that the grid and the search had found before.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf
from pathlib import Path
from typing import NamedTuple

import numpy as np
import report

from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL
from fine_tuning.candidates.candidate import LabelledCall
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.workflows.bakeoff import bakeoff_data
from fine_tuning.workflows.bakeoff.bakeoff_plan import BakeoffPlan
from fine_tuning.workflows.bakeoff.fine_tune_candidate import FineTuneCandidate
from fine_tuning.workflows.bakeoff.setting_search import RANKS, SettingSearch, Train, Trained, TrialRequest
from fine_tuning.workflows.demo.run_demo import calls_file

RATES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
TRIALS = 11
SEEDS = (1, 2, 3)
TITLE, SEARCH, AGAIN = "Searched settings", "The search", "With other seeds"
WITHIN, TIME_SHARE = 0.01, 1 / 3  # of the grid's best loss, and of its time


@dataclass(frozen=True)
class Noted(SettingSearch):
    """A search that notes its trials; `settings` are those of a grid, in place of Optuna's."""

    settings: Sequence[Mapping[str, object]] = ()
    noted: tuple[list[Mapping[str, object]], list[Trained]] = field(default_factory=lambda: ([], []))

    def best(self, train: Train) -> JobView:
        """See `SettingSearch.best`."""

        def note(trials: Sequence[TrialRequest]) -> Sequence[Trained]:
            trained = train(trials)
            for (settings, _), found in zip(trials, trained, strict=True):
                self.noted[0].append(settings)
                self.noted[1].append(found)
                shown = "ended early" if found.loss == inf else f"{found.loss:.4f}"
                print(
                    f"  {settings['learning_rate_multiplier']:.3g}, rank {settings['lora_rank']}: {shown}", flush=True
                )
            return trained

        if not self.settings:
            return super().best(note)
        found = [note([TrialRequest(each, lambda *_: True)])[0] for each in self.settings]
        return min(found, key=lambda each: each.loss).job


def grid() -> list[dict[str, object]]:
    """Every setting of the grid."""
    return [
        {"learning_rate_multiplier": rate, "lora_rank": rank, "lora_alpha": 2 * rank}
        for rate, rank in product(RATES, RANKS)
    ]


class Found(NamedTuple):
    """What a search found: the losses of its trials (inf where they were ended early), its seconds and its best."""

    losses: list[float]
    seconds: float
    best: Mapping[str, object]


def searched(settings: Sequence[Mapping[str, object]], rows: int) -> Found:
    """Train with these settings; without any, with those that Optuna asks for."""
    with tempfile.TemporaryDirectory() as home, calls_file(None) as path:
        os.environ["FINE_TUNING_HOME"] = home
        workspace = open_workspace()
        data = bakeoff_data.read(workspace, str(path), BakeoffPlan())
        search = Noted(len(settings) or TRIALS, settings=settings)
        folder = Path(home) / "files"
        candidate = FineTuneCandidate(
            DEFAULT_BASE_MODEL, workspace, folder, lambda *_: [], lambda tuner, job: tuner.wait_for_job(job), search
        )
        _base_model_is_ready(workspace.folder("models"))
        started = time.perf_counter()
        candidate.fit(_calls(data.train, rows), _calls(data.validation, rows // 2))
        seconds = time.perf_counter() - started
    tried, trained = search.noted
    losses = [each.loss for each in trained]
    return Found(losses, seconds, tried[losses.index(min(losses))])


def _base_model_is_ready(folder: Path) -> None:
    from fine_tuning.base_models import catalogue

    catalogue.resolve(DEFAULT_BASE_MODEL, folder)


def _calls(rows: Sequence[bakeoff_data.Row], count: int) -> list[LabelledCall]:
    return [row.call for row in rows[:count]]


def described(settings: Mapping[str, object]) -> str:
    """A setting in words."""
    return f"{settings['learning_rate_multiplier']:.3g} times the rate, rank {settings['lora_rank']}"


def search_part(rows: int, optuna: Found, whole: Found) -> str:
    """The search beside the grid."""
    loss, lowest = min(optuna.losses), min(whole.losses)
    apart, share = loss / lowest - 1, optuna.seconds / whole.seconds
    tried = f"{TRIALS}, {optuna.losses.count(inf)} of them ended early"
    return f"""{rows} calls of the demo's support inbox, {rows // 2} for validation, SmolLM2-135M, LoRA, three epochs.

| | settings | validation loss | seconds | the best |
|---|---|---|---|---|
| full grid | {len(grid())} | {lowest:.4f} | {whole.seconds:.0f} | {described(whole.best)} |
| Optuna with successive halving | {tried} | {loss:.4f} | {optuna.seconds:.0f} | {described(optuna.best)} |

Its loss is {apart:+.1%} of the grid's best (target: at most +{WITHIN:.0%}), in {share:.0%} of its time (target: at most
{TIME_SHARE:.0%})."""


def again_part(rows: int, grids: Mapping[str, object], optunas: Mapping[str, object]) -> str:
    """Both best settings with seeds that nothing was chosen by, in turn."""
    pairs = [{**each, "seed": seed} for seed in SEEDS for each in (grids, optunas)]
    losses = searched(pairs, rows).losses
    first, second = np.array(losses[::2]), np.array(losses[1::2])
    apart = second.mean() / first.mean() - 1
    lines = "\n".join(
        f"| {described(each)} | {found.mean():.4f} | {found.min():.4f} to {found.max():.4f} |"
        for each, found in ((grids, first), (optunas, second))
    )
    return f"""The grid's best and the search's, each with {len(SEEDS)} seeds that nothing was chosen by.

| | validation loss, mean | of the seeds |
|---|---|---|
{lines}

The search's is {apart:+.1%} of the grid's."""


def setting(text: str) -> dict[str, object]:
    """A rate and a rank, as in 2,16."""
    rate, rank = text.split(",")
    return {"learning_rate_multiplier": float(rate), "lora_rank": int(rank), "lora_alpha": 2 * int(rank)}


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=80)
    parser.add_argument("--again", nargs=2, type=setting, metavar="RATE,RANK", help="of the grid and of the search")
    given = parser.parse_args()
    parts = report.parts(TITLE)
    if given.again is None:
        print("Optuna", flush=True)
        optuna = searched((), given.rows)
        print("grid", flush=True)
        whole = searched(grid(), given.rows)
        parts[SEARCH] = f"### {SEARCH}\n\n{search_part(given.rows, optuna, whole)}"
        chosen = whole.best, optuna.best
    else:
        chosen = tuple(given.again)
    print("again", flush=True)
    parts[AGAIN] = f"### {AGAIN}\n\n{again_part(given.rows, *chosen)}"
    report.write(TITLE, "bench_setting_search.py", "\n\n".join(parts.values()))


if __name__ == "__main__":
    main()
