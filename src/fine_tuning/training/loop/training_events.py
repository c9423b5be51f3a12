"""What a training run tells its caller: events while it runs, one result at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class TrainingEvent:
    """One line of a run's history.

    `data` holds, as far as known: step, total_steps, epoch, learning_rate, train_loss (nats a trained token, mean
    since the previous event), token_accuracy (0 to 1, same tokens), valid_loss, valid_token_accuracy, trained_tokens,
    tokens_per_second (non-padding tokens, this session), seconds_left, and `path` for a checkpoint (everything that is
    needed to go on) or the adapter kept at the end of an epoch. A "start" has the step it starts from: what an earlier
    run told of later steps no longer counts.
    """

    kind: Literal["message", "start", "metrics", "checkpoint", "epoch"]
    message: str
    data: dict[str, Any] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Losses are nats a trained token. `trained_tokens` counts every non-padding token of every epoch; `wall_seconds`
    this session; `truncated` and `dropped` are line numbers of rows that were too long. Folders are None unless the
    run succeeded; unknown numbers are None.
    """

    status: Literal["succeeded", "paused", "cancelled"]
    steps: int
    trained_tokens: int
    train_loss: float | None
    validation_loss: float | None
    wall_seconds: float
    rows: int
    truncated: list[int]
    dropped: list[int]
    adapter_dir: Path | None = None
    merged_dir: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
