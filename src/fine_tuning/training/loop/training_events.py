"""Events of a training run, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from fine_tuning.store.records.job_events import JobEventData
from fine_tuning.store.records.jobs import JobRequest

GetRequest = Callable[[], JobRequest]  # the user's request, read after every step


@dataclass(frozen=True)
class TrainingEvent:
    """An event in the history of a run.

    `data` has the metrics that are known, and the `path` of a checkpoint (all that resuming needs) or of the weights
    at the end of an epoch. A "start" has the step it starts from; metrics of later steps, of an earlier session, are
    void.
    """

    kind: Literal["message", "start", "metrics", "checkpoint", "epoch"]
    message: str
    data: JobEventData = field(default_factory=JobEventData)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class TrainingResult:
    """The result of a run.

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

    def as_dict(self) -> dict[str, object]:
        """The result as plain JSON values."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
