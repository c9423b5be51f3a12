"""Trainings that share a base model end as they would alone, whatever the others do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from fine_tuning.errors import TrainingError
from fine_tuning.training.loop.meeting import Meeting
from fine_tuning.training.loop.shared_base import SharedBase
from fine_tuning.training.loop.training_events import TrainingResult
from tests.training.conftest import Run, losses

# Of other lengths, ranks and rates, and in parts of steps; in the upper layer alone, with validations; paused, with
# layers computed again in the backward pass; of all weights, which cannot share; and one that diverges.
DIFFERENT: dict[str, dict[str, Any]] = {
    "parts": {"n_epochs": 2, "batch_size": 8, "micro_batch_size": 2, "lora_rank": 4, "learning_rate_multiplier": 3.0},
    "upper": {"n_epochs": 1, "batch_size": 3, "trained_layers": 1, "keep_best": True, "eval_steps": 2},
    "paused": {"stop": {5: "pause"}, "gradient_checkpointing": True},
    "full": {"n_epochs": 1, "tuning": "full", "max_steps": 2},
    "diverges": {"learning_rate": 1e30, "n_epochs": 20},
}


def in_threads(count: int, run: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()


def weights(result: TrainingResult) -> dict[str, torch.Tensor]:
    folder = result.adapter_dir or result.merged_dir
    assert folder is not None
    return load_file(next(folder.glob("*.safetensors")))


@pytest.mark.slow
def test_trainings_that_share_a_base_model_end_as_each_alone(run: Run, held_out: str) -> None:
    names = list(DIFFERENT)
    settings = {name: {"precision": "fp32", **each} for name, each in DIFFERENT.items()}
    settings["upper"]["validation_file"] = held_out
    base, ended, errors = SharedBase(len(names)), {}, {}

    def one(number: int) -> None:
        name, place = names[number], base.place(number)
        with place.turn():
            try:
                ended[name] = run(f"shared-{name}", place=place, **settings[name])
            except TrainingError as error:
                errors[name] = str(error)

    in_threads(len(names), one)
    assert "the loss became nan" in errors.pop("diverges")
    assert not errors
    for name, (shared, events) in ended.items():
        alone, wanted = run(f"alone-{name}", **settings[name])
        assert losses(events) == pytest.approx(losses(wanted), abs=1e-4)
        assert shared.trained_tokens == alone.trained_tokens
        assert (shared.status, shared.steps) == (alone.status, alone.steps)
        if alone.status == "succeeded":
            torch.testing.assert_close(weights(shared), weights(alone), atol=1e-3, rtol=1e-3, msg=name)


def test_the_last_to_come_computes_for_all_and_an_error_reaches_each() -> None:
    meeting, found, numbers = Meeting(range(3)), {}, []

    def summed(given: Any) -> dict[int, int]:
        numbers.append(sorted(given))
        if sum(given.values()) == 0:
            raise ValueError("nothing to add")
        return dict.fromkeys(given, sum(given.values()))

    def one(number: int) -> None:
        with meeting.turn(number):
            found[number] = [meeting.meet(number, number + 1, summed)]
            if number == 2:
                return
            found[number].append(meeting.meet(number, number + 1, summed))
            with pytest.raises(ValueError, match="nothing to add"):
                meeting.meet(number, 0, summed)

    in_threads(3, one)
    assert found == {0: [6, 3], 1: [6, 3], 2: [6]}
    assert numbers == [[0, 1, 2], [0, 1], [0, 1]]
