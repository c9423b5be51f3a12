"""Settings of a fine-tune are searched: the defaults first, the best is kept, what cannot win is ended early."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import inf, log
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="the extra `candidates` is not installed")
from fine_tuning.errors import TrainingError
from fine_tuning.store import jobs
from fine_tuning.store.database import open_database
from fine_tuning.workflows.bakeoff.setting_search import (
    FIRST_RATES,
    GoesOn,
    Settings,
    SettingSearch,
    Trained,
    TrialRequest,
)
from tests.workflows.test_bakeoff import tickets

VALLEY = 1.4  # times the default rate


def view(number: int) -> Any:
    return {"job_id": f"job {number}"}


class Trainer:
    """Trainings whose loss falls with each validation, towards a valley between the rates that are tried first."""

    def __init__(self) -> None:
        self.tried: list[Settings] = []
        self.validations: list[int] = []

    def train(self, asked: Sequence[TrialRequest]) -> list[Trained]:
        return [self._trained(*each) for each in asked]

    def _trained(self, settings: Settings, goes_on: GoesOn) -> Trained:
        self.tried.append(settings)
        rate, job = float(str(settings["learning_rate_multiplier"])), view(len(self.tried) - 1)
        lowest = 0.1 + log(rate / VALLEY) ** 2
        for number in range(1, 7):
            if not goes_on(number, lowest + 1 / number):
                self.validations.append(number)
                return Trained(job, inf)
        self.validations.append(6)
        return Trained(job, lowest + 1 / 6)


def test_best_is_found_and_most_are_ended_early() -> None:
    trainer = Trainer()
    best = SettingSearch(24).best(trainer.train)
    rates = [float(str(each["learning_rate_multiplier"])) for each in trainer.tried]
    assert rates[:4] == list(FIRST_RATES)
    assert all(each["lora_alpha"] == 2 * int(str(each["lora_rank"])) for each in trainer.tried)
    chosen = rates[int(best["job_id"].split()[1])]
    assert abs(log(chosen / VALLEY)) < 0.2
    assert abs(log(chosen / VALLEY)) < abs(log(rates[0] / VALLEY))
    assert sum(trainer.validations) < 0.6 * 6 * len(rates)
    again = Trainer()
    assert SettingSearch(24).best(again.train) == best
    assert again.tried == trainer.tried  # so that jobs of an earlier search are found again


def test_search_without_an_end_says_so() -> None:
    with pytest.raises(TrainingError, match="none of 3 settings"):
        SettingSearch(3).best(lambda asked: [Trained(view(0), inf) for _ in asked])


def test_fine_tune_is_measured_and_not_trained_twice(
    cli: Any, workspace: Path, tmp_path: Path, tiny_model_dir: Path
) -> None:
    file = tickets(tmp_path / "calls.jsonl", 120)
    command = ["bakeoff", str(file), "--incumbent", "gpt-4o", "--no-heads", "--fine-tune", str(tiny_model_dir)]
    command += ["--max-tokens", "4", "--json"]
    code, out, err = cli(*command, "--trials", "3", "--trials-at-once", "3")
    assert code == 0, err
    (result,) = [each for each in json.loads(out)["results"] if each["name"].startswith("fine-tune")]
    assert result["latency_p50"]["value"] > 0
    trained = statuses()
    assert len(trained) == 3
    assert "succeeded" in trained
    logs = [each.read_text() for each in (workspace / "logs").glob("*.log")]
    assert sum("trains on the base model of" in each for each in logs) == 2
    assert cli(*command, "--trials", "3")[0] == 0
    assert statuses() == trained
    assert cli(*command)[0] == 0  # the defaults, which no trial has: they validate more often
    assert len(statuses()) == 4
    assert cli(*command)[0] == 0
    assert len(statuses()) == 4


def statuses() -> list[str]:
    with open_database().read() as tx:
        return [each["status"] for each in jobs.newest(tx, 20)]
