"""The rows of the table of evaluations."""

from __future__ import annotations

from math import isnan

import pytest

from fine_tuning import ModelEvaluator
from fine_tuning.dashboard.evaluation_tables import evaluations_of_model
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace


def test_evaluations_of_model_have_percentiles_of_their_own_latencies(database: Database) -> None:
    texts, latencies = ["a"] * 5, [10.0, 20.0, 30.0, 40.0, 1000.0]
    evaluator = ModelEvaluator()
    evaluator.evaluate(texts, texts, "m", latencies_ms=latencies)
    evaluator.evaluate(texts, texts, "m")
    evaluator.evaluate(texts, texts, "other", latencies_ms=[7.0] * 5)
    measured, unmeasured = evaluations_of_model(open_workspace(), "m")
    assert (measured.latency["p50"], measured.latency["p95"]) == pytest.approx((30.0, 808.0))
    assert measured.evaluation["avg_latency_ms"] == pytest.approx(220.0)
    assert isnan(unmeasured.latency["p50"])
