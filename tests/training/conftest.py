"""A short training that the tests of this room share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.training.loop.shared_base import Place
from fine_tuning.training.loop.train import train
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.training_events import TrainingEvent, TrainingResult

Run = Callable[..., tuple[TrainingResult, list[TrainingEvent]]]


@pytest.fixture
def run(tmp_path: Path, tiny_model_dir: Path) -> Run:
    """Train the tiny model on 16 chats of different lengths; `stop` maps a step to a wish."""
    rows = [
        [{"role": "user", "content": f"say {'la ' * (n % 5 + 1)}{n}"}, {"role": "assistant", "content": f"{n} is said"}]
        for n in range(16)
    ]
    file = tmp_path / "chats.jsonl"
    file.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))

    def go(
        output: str, stop: dict[int, str] | None = None, place: Place | None = None, **settings: Any
    ) -> tuple[TrainingResult, list[Any]]:
        events: list[TrainingEvent] = []
        config = TrainingConfig(
            base_model_path=str(tiny_model_dir),
            train_file=str(file),
            output_dir=str(tmp_path / output),
            **{"n_epochs": 3, "batch_size": 4, "checkpoint_steps": 3, **settings},
        )
        steps = iter(range(1, 10_000))
        get_request = lambda: (stop or {}).get(next(steps), "run")  # noqa: E731
        return train(config, events.append, get_request, place), events  # type: ignore[arg-type]

    return go


@pytest.fixture
def held_out(tmp_path: Path) -> str:
    """Questions like those of the training, with other answers: the better these are learned, the worse those fare."""
    rows = [
        [
            {"role": "user", "content": f"say {'la ' * (n % 5 + 1)}{n}"},
            {"role": "assistant", "content": f"not {n + 1}!"},
        ]
        for n in range(8)
    ]
    file = tmp_path / "held-out.jsonl"
    file.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    return str(file)


def fingerprint(result: TrainingResult) -> str:
    assert result.adapter_dir is not None
    return hashlib.sha256((result.adapter_dir / "adapter_model.safetensors").read_bytes()).hexdigest()


def losses(events: list[TrainingEvent]) -> list[float]:
    return [event.data["train_loss"] for event in events if "train_loss" in event.data]
