"""Evaluations and their examples."""

from __future__ import annotations

from typing import TypedDict

from fine_tuning.store.records.rows import JsonColumn


class NewEvaluation(TypedDict):
    """The columns of `evaluations` that the caller gives."""

    model_name: str
    model_type: str
    metric: str
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1_score: float | None
    avg_latency_ms: float | None
    cost_per_inference: float | None
    test_set_size: int
    metadata: JsonColumn


class Evaluation(NewEvaluation):
    """A row of `evaluations`; `created_at` is ISO 8601."""

    id: int
    model_version_id: int | None
    created_at: str


class ScoredExample(TypedDict):
    """One example of an evaluation.

    `prediction` is None where the call failed for the reason `error`; `scores` are by metric, `score` is the first;
    `slices` are the fields by which results are grouped; examples of one `cluster` may be correlated.
    """

    question: str | None
    prediction: str | None
    reference: str
    score: float | None
    scores: dict[str, float | None] | None
    slices: dict[str, str] | None
    cluster: str | None
    error: str | None
    latency_ms: float | None
    cost: float | None


class EvaluationRow(ScoredExample):
    """A row of `evaluation_results`."""

    evaluation_id: int
    ordinal: int
