"""Events of a job, and the metrics of its steps."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class StepMetrics(TypedDict, total=False):
    """What a training measures at a step.

    Losses are nats a trained token, means since the previous metrics; accuracies are 0 to 1 over the same tokens;
    `tokens_per_second` counts the non-padding tokens of this session; `seconds_left` is an estimate.
    """

    step: int
    total_steps: int
    epoch: float | None
    learning_rate: float | None
    train_loss: float | None
    token_accuracy: float | None
    valid_loss: float | None
    valid_token_accuracy: float | None
    trained_tokens: int
    tokens_per_second: float | None
    seconds_left: float | None


class JobEventData(StepMetrics, total=False):
    """`job_events.data`: metrics, the `path` of a checkpoint or of an epoch's weights, or facts behind a message."""

    path: str
    workers: int
    lines: list[int]
    needed: dict[str, int]
    free: int
    micro_batch_size: int | None
    best_step: int | None
    same: int
    probes: int
    problems: list[str]


class JobEvent(TypedDict):
    """A row of `job_events`."""

    id: int
    job_id: str
    created_at: datetime
    level: str
    kind: str
    message: str
    data: JobEventData
