"""A/B tests, their samples, looks and decisions."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fine_tuning.store.records.experiment_json import Arm, DesignRecord, ExperimentResult, Slots, StatisticsRecord
from fine_tuning.store.records.rows import JsonColumn


class Experiment(TypedDict):
    """An A/B test (`experiments`); times are ISO 8601."""

    id: str
    model_a: str
    model_b: str
    more: list[str] | None
    status: str
    design: DesignRecord
    statistics: StatisticsRecord | None
    slots: Slots
    layer: str | None
    pinned: dict[Arm, str] | None
    late: int
    metadata: JsonColumn
    result: ExperimentResult | None
    started_at: str
    completed_at: str | None


class ExperimentOfVersion(Experiment):
    """An A/B test, and the arm that a model version is in it."""

    arm: Arm


class ExperimentDecision(TypedDict):
    """A decision about an A/B test (`experiment_decisions`), without its keys; the time is ISO 8601."""

    action: str
    model: str | None
    reason: str
    created_at: str


class ExperimentLook(TypedDict):
    """A row of `experiment_looks`."""

    experiment_id: str
    size: int
    effect: float
    low: float | None
    high: float | None
    p_value: float | None
    created_at: datetime


class NewSample(TypedDict):
    """A sample to be stored; see `tables.samples`."""

    arm: Arm
    ordinal: int | None
    sample_id: str | None
    cluster_id: str | None
    prediction: str | None
    reference: str | None
    score: float | None
    error: str | None
    latency_ms: float | None
    cost: float | None
    covariate: float | None
    stratum: str | None
    measures: dict[str, float] | None
    metadata: JsonColumn


class Sample(NewSample):
    """A sample of an A/B test (`samples`), without the test's id and the time."""

    id: int
