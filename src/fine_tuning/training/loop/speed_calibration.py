"""Measure how fast this machine trains: time a few steps of a real training run, in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from fine_tuning.errors import TrainingError

WARMUP_STEPS, STEPS = 2, 6  # the first steps include one-time preparations
BATCH_SIZE = 4
MAX_LENGTH = 1 << 20  # tokens of a row: limited by the model's context only
WORDS_PER_ANSWER_WORD = 4
WORDS = "the of and to in is it for on with as at by from or an be this that are was not but have".split()


class Measured(NamedTuple):
    """Training speed of this machine.

    Attributes:
        tokens_per_second: during the steps.
        start_seconds: before the first and after the last step.
    """

    tokens_per_second: float
    start_seconds: float


def measure(model: Path, tokens_per_row: float) -> Measured:
    """Train the model in a folder for a few steps on rows of about that length, and discard the result.

    Raises:
        TrainingError: it cannot be trained here; the message has the reason.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="calibration-") as folder:
        file = Path(folder) / "rows.jsonl"
        file.write_text(_rows(max(8, round(tokens_per_row))), encoding="utf-8")
        command = [sys.executable, "-m", "fine_tuning.training.loop.speed_calibration", str(model), str(file), folder]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if ran.returncode != 0:
        reason = next((line for line in reversed(ran.stderr.splitlines()) if line.strip()), "no reason given")
        raise TrainingError(f"cannot measure how fast {model.name} trains here: {reason}")
    rate, seconds = json.loads(ran.stdout.splitlines()[-1])
    return Measured(rate, time.monotonic() - began - seconds)


def _rows(tokens: int) -> str:
    answer = max(1, tokens // WORDS_PER_ANSWER_WORD)
    lines = []
    for row in range(STEPS * BATCH_SIZE):
        words = [WORDS[(row + place * (row + 7)) % len(WORDS)] for place in range(tokens)]
        messages = [
            {"role": "user", "content": " ".join(words[answer:])},
            {"role": "assistant", "content": " ".join(words[:answer])},
        ]
        lines.append(json.dumps({"messages": messages}) + "\n")
    return "".join(lines)


def _main(model: str, file: str, folder: str) -> None:
    """Train and print the tokens a second after the first steps, and the seconds of all steps."""
    from fine_tuning.training.loop.train import train
    from fine_tuning.training.loop.training_config import TrainingConfig
    from fine_tuning.training.loop.training_events import TrainingEvent

    steps: dict[int, tuple[datetime, int]] = {}
    began: list[datetime] = []

    def on_event(event: TrainingEvent) -> None:
        if event.kind == "start":
            began.append(event.created_at)
        if "trained_tokens" in event.data:
            steps[event.data["step"]] = event.created_at, event.data["trained_tokens"]

    config = TrainingConfig(
        base_model_path=model,
        train_file=file,
        output_dir=folder,
        n_epochs=1,
        batch_size=BATCH_SIZE,
        checkpoint_steps=STEPS,
        max_length=MAX_LENGTH,
    )
    train(config, on_event, lambda: "run")
    (warm, before), (last, after) = steps[WARMUP_STEPS], steps[STEPS]
    rate = (after - before) / (last - warm).total_seconds()
    print(json.dumps([rate, (last - began[0]).total_seconds()]))  # noqa: T201 - the answer to `measure`


if __name__ == "__main__":
    _main(*sys.argv[1:])
