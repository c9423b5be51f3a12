"""Stored evaluations: find one by id or model name, summarize all."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan
from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning.errors import NotFoundError
from fine_tuning.store import evaluations
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.evaluations import Evaluation


class ModelSummary(TypedDict):
    """The latest figures of a model; nan is unknown."""

    model_type: str
    latest_accuracy: float
    latest_latency_ms: float
    latest_cost: float
    evaluation_count: int
    timestamp: str


class ResultsSummary(TypedDict):
    """What `ModelEvaluator.get_results_summary` returns."""

    total_evaluations: int
    models: dict[str, ModelSummary]


def find(tx: Transaction, id_or_model: str | int) -> Evaluation:
    """An evaluation by its id, or the latest of a model, `<name>-v<version>` or `<name>@<alias>`.

    Raises:
        NotFoundError: there is none; the message lists the evaluated models.
    """
    evaluation_id = _as_id(id_or_model)
    if evaluation_id is not None:
        found = evaluations.get(tx, evaluation_id)
    else:
        name = str(id_or_model)
        found = evaluations.latest(tx, name) or next(reversed(evaluations.of_name(tx, name)), None)
    if found is None:
        known = ", ".join(evaluations.names(tx)) or "none"
        raise NotFoundError(f"no evaluation of {id_or_model}; evaluated are: {known} (ft-cli evaluate-model)")
    return found


def _as_id(id_or_model: str | int) -> int | None:
    if isinstance(id_or_model, int):
        return checks.count("evaluation", id_or_model)
    text = checks.name("evaluation", id_or_model)
    is_id = text.isascii() and text.isdecimal() and int(text) <= checks.MAX_COUNT
    return int(text) if is_id else None


def summarize(oldest_first: Iterable[Evaluation]) -> ResultsSummary:
    """How many evaluations there are, and each model's latest figures."""
    total, models = 0, dict[str, ModelSummary]()
    for row in oldest_first:
        total += 1
        earlier = models.get(row["model_name"])
        models[row["model_name"]] = {
            "model_type": row["model_type"],
            "latest_accuracy": _nan_if_none(row["accuracy"]),
            "latest_latency_ms": _nan_if_none(row["avg_latency_ms"]),
            "latest_cost": _nan_if_none(row["cost_per_inference"]),
            "evaluation_count": (earlier["evaluation_count"] if earlier else 0) + 1,
            "timestamp": row["created_at"],
        }
    return {"total_evaluations": total, "models": models}


def _nan_if_none(value: float | None) -> float:
    return nan if value is None else value
