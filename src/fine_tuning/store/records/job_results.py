"""What a training job made: its result, checkpoints and artifacts."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fine_tuning.store.records.rows import JsonColumn


class JobCheckpoint(TypedDict):
    """A checkpoint, as trainers list them; `model` names it, or is its folder."""

    id: str
    step: int | None
    model: str
    metrics: JsonColumn
    created_at: str | None


class ProbeParity(TypedDict):
    """How many of the probes the serving engine answers as the trainer did.

    Rows that an older release wrote have `asked` in place of `probes`.
    """

    same: int
    probes: int


class JobResult(TypedDict, total=False):
    """`jobs.result`: metrics and folders of a local run, see `training_events.TrainingResult`.

    Sums over all sessions of the job: `wall_seconds` and `joules`. A job of a host has `checkpoints` alone.
    """

    status: str
    steps: int
    trained_tokens: int
    train_loss: float | None
    validation_loss: float | None
    wall_seconds: float
    joules: float | None
    rows: int
    truncated: list[int]
    dropped: list[int]
    adapter_dir: str | None
    merged_dir: str | None
    parity: ProbeParity
    checkpoints: list[JobCheckpoint]


class Artifact(TypedDict):
    """A row of `artifacts`."""

    id: int
    job_id: str | None
    kind: str
    step: int | None
    path: str
    sha256: str | None
    created_at: datetime


class DeployedArtifact(TypedDict):
    """An artifact of a deployed version; `sha256` is of its weights file."""

    model_name: str
    version: int
    kind: str
    path: str
    sha256: str | None
