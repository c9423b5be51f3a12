"""Samples: pairs, clusters, covariates, later outcomes, repeats, blocks, many writers."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.sufficient_statistics import Statistics
from fine_tuning.experiments.unit_sums import summed
from fine_tuning.store import experiment_samples, experiments
from fine_tuning.store.database import Database

Row = dict[str, Any]


def row(arm: str, score: float | None = None, **more: Any) -> Row:
    return {"model": arm, "score": score, **more}


def state(database: Database, test_id: str = "t") -> tuple[Design, Statistics]:
    with database.read() as tx:
        test = experiments.get(tx, test_id)
    assert test is not None
    return Design.of(**test["design"]), Statistics.of(test["statistics"])


def started(**choices: Any) -> ABTestFramework:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b", **choices)
    return framework


def test_record_samples_in_block_matches_single_samples(database: Database) -> None:
    rng = np.random.default_rng(1)
    rows = [
        row(f"model_{rng.choice(['a', 'b'])}", float(rng.random() < 0.7), latency_ms=float(rng.lognormal(5)), cost=0.01)
        for _ in range(400)
    ]
    framework = started()
    framework.create_test("single", "a", "b")
    counts = framework.record_samples("t", iter(rows))
    assert counts == {"recorded": 400, "repeated": 0, "refused": 0}
    for each in rows:
        more = {name: value for name, value in each.items() if name not in {"model", "latency_ms", "cost"}}
        framework.record_sample("single", each["model"], None, None, each["latency_ms"], each["cost"], **more)
    (_, block), (_, single) = state(database), state(database, "single")
    once, often = block.as_dict(), single.as_dict()
    assert once["arms"] == often["arms"]
    once, often = once["comparisons"]["model_b"], often["comparisons"]["model_b"]
    assert {name for name in once if once[name] != often[name]} <= {"peaks", "next_look"}  # of the looks in between
    for seldom in once["peaks"]:
        closely = next(each for each in often["peaks"] if each["estimate"] * seldom["estimate"] > 0)
        assert abs(closely["estimate"] - seldom["estimate"]) < 0.05
    with database.read() as tx:
        assert experiment_samples.count(tx, "t") == {name: arm.samples for name, arm in block.arms.items()}


def test_record_samples_with_same_ids_pairs_them_in_any_order(database: Database) -> None:
    rng = np.random.default_rng(2)
    easy = rng.random(300)
    a, b = (easy < 0.6).astype(float), (easy < 0.75).astype(float)  # the same samples are easy for both
    rows = [row("model_a", score, sample_id=f"q{at}") for at, score in enumerate(a.tolist())]
    rows += [row("model_b", score, sample_id=f"q{at}") for at, score in enumerate(b.tolist())][::-1]
    framework = started()
    framework.record_samples("t", rows)
    result = framework.monitor("t")
    assert result.is_paired
    assert result.effect == pytest.approx(float((b - a).mean()))
    _, found = state(database)
    cell = summed(found.comparison.cells())
    assert cell.totals == [300, a.sum(), 0, 300, b.sum(), 0]
    assert (found.comparison.pairs, cell.products[9]) == (300, (a * b).sum())
    apart = ABTestFramework()
    apart.create_test("apart", "a", "b")
    apart.record_samples("apart", [{**each, "sample_id": None} for each in rows])
    assert result.p_value < apart.monitor("apart").p_value / 100


def test_record_samples_with_repeated_id_counts_once(database: Database) -> None:
    framework = started()
    say: Row = {"prediction": "yes", "reference": "yes", "sample_id": "q1"}
    assert framework.record_samples("t", [row("model_a", **say)] * 2) == {"recorded": 1, "repeated": 1, "refused": 0}
    assert framework.record_sample("t", "model_a", "yes", "yes", None, None, sample_id="q1")
    assert framework.monitor("t").total_samples == 1
    with pytest.raises(ConflictError, match="sample 'q1' of model_a is stored already, with other content"):
        framework.record_samples(
            "t", [row("model_b", 1, sample_id="q2"), row("model_a", **{**say, "prediction": "no"})]
        )
    assert framework.monitor("t").total_samples == 1  # all of a block, or none


def test_record_outcome_after_sample_scores_it(database: Database) -> None:
    framework = started()
    for arm in ("model_a", "model_b"):
        framework.record_sample("t", arm, "yes", None, 10.0, 0.1, sample_id="q1")
    result = framework.monitor("t")
    assert (result.total_samples, result.model_a_avg_latency, math.isnan(result.model_a_accuracy)) == (2, 10.0, True)
    with pytest.raises(UsageError, match="has 2 sample 'q1'; name model_a or model_b"):
        framework.record_outcome("t", "q1", score=1)
    assert framework.record_outcome("t", "q1", "yes", model="model_a")
    assert framework.record_outcome("t", "q1", score=0, model="model_b")
    assert framework.record_outcome("t", "q1", score=0, model="model_b") is False
    with pytest.raises(ConflictError, match="has the score 0 already"):
        framework.record_outcome("t", "q1", score=1, model="model_b")
    result = framework.monitor("t")
    assert (result.model_a_accuracy, result.model_b_accuracy, result.total_samples) == (1.0, 0.0, 2)
    assert (result.is_paired, result.effect) == (True, -1.0)
    with pytest.raises(UsageError, match="has no sample 'q9'; record it first"):
        framework.record_outcome("t", "q9", score=1)
    framework.record_sample("t", "model_a", None, None, None, None, error="timeout", sample_id="q3")
    with pytest.raises(UsageError, match=r"the call of sample 'q3' failed \(timeout\)"):
        framework.record_outcome("t", "q3", score=1)


def test_record_samples_with_error_counts_error_without_score() -> None:
    framework = started(guardrails=[{"measure": "errors", "margin": 0.0, "relative": False}])
    framework.record_samples("t", [row("model_a", float(n % 2)) for n in range(400)])
    framework.record_samples(
        "t", [row("model_b", error="timeout") if n % 4 else row("model_b", 1.0) for n in range(400)]
    )
    result = framework.monitor("t")
    assert (result.model_b_samples, result.model_b_accuracy) == (400, 1.0)
    (errors,) = result.guardrails
    assert (errors["name"], errors["status"], errors["model_b"]) == ("errors", "broken", 0.75)


def test_monitor_with_clusters_has_larger_p_value() -> None:
    rng = np.random.default_rng(8)
    rows = []
    for user in range(60):
        arm = "model_b" if user % 2 else "model_a"
        mood = float(rng.random() < (0.7 if user % 2 else 0.5))
        rows += [row(arm, mood, cluster_id=f"u{user}") for _ in range(30)]  # thirty times the same
    rows = [rows[at] for at in rng.permutation(len(rows))]
    framework = started()
    framework.record_samples("t", rows)
    clustered = framework.monitor("t")
    framework.create_test("plain", "a", "b")
    framework.record_samples("plain", [{**each, "cluster_id": None} for each in rows])
    plain = framework.monitor("plain")
    assert plain.statistical_significance
    assert not clustered.statistical_significance
    assert clustered.p_value > 0.05 > plain.p_value
    assert clustered.effect == pytest.approx(plain.effect, abs=0.03)  # within strata of other blocks of time


def test_monitor_with_covariate_has_narrower_interval(database: Database) -> None:
    rng = np.random.default_rng(9)
    rows = []
    for number in range(1200):
        length = rng.normal(100, 30)
        score = length * 0.1 + rng.normal(0, 0.5) + (0.4 if number % 2 else 0.0)
        rows.append(row("model_b" if number % 2 else "model_a", float(score), covariate=float(length)))
    framework = started(score="real")
    framework.record_samples("t", rows)
    framework.create_test("plain", "a", "b", score="real")
    framework.record_samples("plain", [{**each, "covariate": None} for each in rows])
    adjusted, plain = framework.monitor("t"), framework.monitor("plain")
    assert adjusted.statistical_significance
    assert not plain.statistical_significance
    low, high = adjusted.intervals["accuracy"]
    assert low < 0.4 < high
    assert high - low < (plain.intervals["accuracy"][1] - plain.intervals["accuracy"][0]) / 3
    design, found = state(database)
    assert found.effect(design).variance < 0.1 * state(database, "plain")[1].effect(design).variance


def test_monitor_with_bounded_scores_decides_soon() -> None:
    framework = started(score="bounded", low=0, high=10)
    rng = np.random.default_rng(3)
    for number in range(40):
        framework.record_samples(
            "t",
            [
                row("model_a", float(rng.uniform(0, 5)), sample_id=str(number)),
                row("model_b", float(rng.uniform(5, 10)), sample_id=str(number)),
            ],
        )
    result = framework.monitor("t")
    assert (result.statistical_significance, framework.recommend_winner(result)) == (True, "b")
    low, high = result.intervals["accuracy"]
    assert 0 < low < 5 < high <= 10
    with pytest.raises(UsageError, match="scores of this test lie between 0 and 10, not 11"):
        framework.record_samples("t", [row("model_a", 11)])


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (row("model_c", 1), "unknown arm 'model_c'"),
        (row("model_a", float("nan")), "score must be a number, not nan"),
        (row("model_a", 0.5), "scores of this test are 0 or 1, not 0.5"),
        (row("model_a", 1, latency_ms=-1), "latency_ms must be a number of 0 or more"),
        (row("model_a", 1, cost=float("inf")), "cost must be"),
        (row("model_a", 1, measures={"toxicity": "high"}), "toxicity must be a number"),
        (row("model_a", 1, measures={"latency": 3}), "latency is a reserved name, not a custom measure"),
        (["model_a", 1], "a sample must be a mapping of its arguments, not list"),
        (row("model_a", 1, covariate=1e300), "covariate is too large"),
        (row("model_a", 1, error="timeout"), "a call that failed has no score"),
        (row("model_a"), "or give score, error, or a sample_id for later"),
        (row("model_a", 1, sample_id=" "), "sample_id must be non-empty text"),
        (row("model_a", 1, colour="red"), "unknown argument 'colour' of a sample"),
        (row("model_a", prediction=1, reference="x"), "must be text"),
    ],
)
def test_record_samples_with_invalid_sample_records_nothing(sample: Any, said: str) -> None:
    framework = started()
    with pytest.raises(UsageError, match=said):
        framework.record_samples("t", [row("model_a", 1), sample])
    assert framework.monitor("t").total_samples == 0


def test_record_samples_after_end_refuses_and_counts(database: Database) -> None:
    framework = started()
    framework.record_samples("t", [row("model_a", 1), row("model_b", 1)])
    framework.conclude_test("t")
    assert framework.record_samples("t", [row("model_a", 1)] * 3) == {"recorded": 0, "repeated": 0, "refused": 3}
    assert framework.record_outcome("t", "x", score=1) is False
    assert framework.record_samples("nowhere", [row("model_a", 1)])["refused"] == 1
    with database.read() as tx:
        test = experiments.get(tx, "t")
    assert test is not None
    assert test["late"] == 4


def test_buffer_with_invalid_samples_counts_dropped(caplog: pytest.LogCaptureFixture) -> None:
    framework = started()
    with framework.buffer("t") as samples:
        for number in range(1500):
            assert samples.record("model_a" if number % 2 else "model_b", None, None, score=1.0)
        assert not samples.record("model_c", None, None, score=1.0)
        assert samples.record("model_a", "x", "x", sample_id="q")
        assert samples.record("model_a", "y", "x", sample_id="q")  # other content: found out when it is written
    assert (samples.written, samples.dropped) == (1501, 2)
    assert "2 samples were lost" in caplog.text
    assert framework.monitor("t").total_samples == 1501
    assert not samples.record("model_a", None, None, score=1.0)
    with pytest.raises(NotFoundError):
        framework.buffer("nowhere")


def test_record_samples_from_eight_writers_counts_each_once(database: Database) -> None:
    started()
    failures: list[BaseException] = []

    def write(number: int) -> None:
        framework = ABTestFramework()
        try:
            for at in range(12):
                arm = "model_a" if (number + at) % 2 else "model_b"
                framework.record_samples(
                    "t", [row(arm, float(at % 2), sample_id=f"{number}-{at}-{k}") for k in range(5)]
                )
                framework.record_samples("t", [row(arm, float(at % 2), sample_id=f"{number}-{at}-0")])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    _, found = state(database)
    with database.read() as tx:
        stored = experiment_samples.count(tx, "t")
    assert stored == {name: arm.samples for name, arm in found.arms.items()} == {"model_a": 240, "model_b": 240}
    assert found.comparison.strata[""].everything().totals == [240, 120, 0, 240, 120, 0]


def test_monitor_of_ten_million_samples_uses_sums(database: Database) -> None:
    framework = started()
    _, found = state(database)
    for name, rate in (("model_a", 0.8), ("model_b", 0.8001)):
        arm = found.arms[name]
        arm.samples = arm.scores.count = 5_000_000
        arm.scores.total = rate * 5_000_000
    with database.write() as tx:
        experiments.set_statistics(tx, "t", found.as_dict())
    result = framework.monitor("t")
    assert (result.total_samples, result.accuracy_improvement) == (10_000_000, pytest.approx(0.0001))


def test_pairs_that_all_differ_by_the_same_have_no_evidence_of_rounding() -> None:
    for seed in range(10):
        rng, framework = np.random.default_rng(seed), ABTestFramework()
        framework.create_test(f"t{seed}", "a", "b", score="real")
        rows = []
        for question, score in enumerate(rng.normal(size=40).tolist()):
            rows += [
                row("model_a", score, sample_id=str(question), covariate=score),
                row("model_b", score + 0.1, sample_id=str(question), covariate=score),
            ]
        for each in rows:
            framework.record_samples(f"t{seed}", [each])
        result = framework.monitor(f"t{seed}")
        assert result.effect == pytest.approx(0.1)
        assert not result.statistical_significance


@pytest.mark.parametrize("score", ["binary", "bounded"])
def test_clearest_difference_of_all_is_told(score: str) -> None:
    framework = started(score=score)
    framework.record_samples(
        "t", [row(arm, right) for _ in range(40) for arm, right in (("model_a", 0), ("model_b", 1))]
    )
    assert framework.recommend_winner(framework.monitor("t")) == "b"
