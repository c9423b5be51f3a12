"""The search over a fine-tune's settings beside a full grid of them: the loss that each finds, and how long it takes.

    python benchmarks/bench_setting_search.py          # about half an hour on two cores; --rows 24 for a shorter look

Both train SmolLM2-135M on the same calls of the demo's support inbox, in workspaces of their own so that neither finds
the other's jobs, and choose by validation loss. The grid trains each of its settings to the end, as a grid does.
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
TRIALS = 9
WITHIN, TIME_SHARE = 0.01, 1 / 3  # of the grid's best loss, and of its time


@dataclass(frozen=True)
class Noted(SettingSearch):
    """A search that notes its trials; `settings` are those of a grid, in place of Optuna's."""

    settings: Sequence[Mapping[str, object]] = ()
    noted: tuple[list[Mapping[str, object]], list[Trained]] = field(default_factory=lambda: ([], []))

    def best(self, train: Train) -> JobView:
        """See `SettingSearch.best`."""

        def note(asked: Sequence[TrialRequest]) -> Sequence[Trained]:
            trained = train(asked)
            for (settings, _), found in zip(asked, trained, strict=True):
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


def searched(settings: Sequence[Mapping[str, object]], rows: int) -> tuple[float, float, int, Mapping[str, object]]:
    """The best loss, seconds, how many trials were ended early, and the best setting; of Optuna without a grid."""
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
    return min(losses), seconds, losses.count(inf), tried[losses.index(min(losses))]


def _base_model_is_ready(folder: Path) -> None:
    from fine_tuning.base_models import catalogue

    catalogue.resolve(DEFAULT_BASE_MODEL, folder)


def _calls(rows: Sequence[bakeoff_data.Row], count: int) -> list[LabelledCall]:
    return [row.call for row in rows[:count]]


def described(settings: Mapping[str, object]) -> str:
    """A setting in words."""
    return f"{settings['learning_rate_multiplier']:.3g} times the rate, rank {settings['lora_rank']}"


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=80)
    rows = parser.parse_args().rows
    print("Optuna", flush=True)
    loss, seconds, early, best = searched((), rows)
    print("grid", flush=True)
    whole, whole_seconds, _, whole_best = searched(grid(), rows)
    apart, share = loss / whole - 1, seconds / whole_seconds
    tried = f"{TRIALS}, {early} of them ended early"
    report.write(
        "Searched settings",
        "bench_setting_search.py",
        f"""{rows} calls of the demo's support inbox, {rows // 2} for validation, SmolLM2-135M with LoRA, three epochs.

| | settings | validation loss | seconds | the best |
|---|---|---|---|---|
| full grid | {len(grid())} | {whole:.4f} | {whole_seconds:.0f} | {described(whole_best)} |
| Optuna with successive halving | {tried} | {loss:.4f} | {seconds:.0f} | {described(best)} |

Its loss is {apart:+.1%} of the grid's best (target: at most +{WITHIN:.0%}), in {share:.0%} of its time (target: at most
{TIME_SHARE:.0%}).""",
    )


if __name__ == "__main__":
    main()
