"""Intervals and tests against published values, and how often they are right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, ttest_rel

from fine_tuning.evaluation import comparison, intervals, paired_tests, score_summary
from fine_tuning.evaluation.prediction_powered import corrected_mean


def test_rate_difference_matches_published_intervals() -> None:
    assert intervals.rate_difference(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)  # Newcombe 1998
    assert intervals.rate_difference_by_score(82, 100, 75, 100) == pytest.approx((-0.0448, 0.1844), abs=5e-5)
    assert intervals.rate_difference_by_score(10, 10, 0, 10)[1] == 1
    assert intervals.rate_difference_by_score(0, 10, 0, 10) == pytest.approx((-0.288, 0.288), abs=1e-3)
    for empty in (intervals.rate_difference, intervals.rate_difference_by_score):
        assert all(math.isnan(end) for end in empty(0, 0, 1, 2))


def test_mcnemar_equals_exact_binomial_test() -> None:
    assert paired_tests.mcnemar(121, 59) == pytest.approx(4.434e-6, rel=1e-3)
    assert paired_tests.mcnemar(0, 0) == 1
    assert paired_tests.mcnemar(3, 3) == 1
    assert paired_tests.mcnemar(0, 6) == pytest.approx(2 * 0.5**6)


@pytest.mark.parametrize("size", [1, 2, 5, 6, 20, 60, 300])
def test_paired_interval_excludes_0_exactly_where_the_exact_test_finds_a_difference(size: int) -> None:
    for only_a in range(min(size, 25) + 1):
        for only_b in range(min(size, 25) - only_a + 1):
            low, high = paired_tests.rate_difference(0, only_a, only_b, size - only_a - only_b)
            assert (low > 0 or high < 0) == (paired_tests.mcnemar(only_a, only_b) <= 0.05), (only_a, only_b)
            assert low <= (only_b - only_a) / size <= high


@pytest.mark.parametrize("size", range(1, 12))
def test_interval_of_equal_differences_agrees_with_the_exact_test(size: int) -> None:
    low, high = paired_tests.mean_difference([0.0] * size, [1.0] * size, bounds=(0.0, 1.0))
    assert (low > 0, high) == (2 * 0.5**size < 0.05, 1.0)  # others may be as far on the other side
    (clustered, _), _ = paired_tests.clustered_difference([1.0] * size, [0.0] * size, range(size), (0.0, 1.0))
    assert size == 1 or clustered == -1.0


def test_benjamini_hochberg_adjusts_p_values() -> None:
    # The example of Benjamini and Hochberg (1995), table of 15: four are found at q = 0.05.
    found = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
             0.7590, 1.0000]  # fmt: skip
    adjusted = paired_tests.benjamini_hochberg(found[::-1])[::-1]
    assert sum(p <= 0.05 for p in adjusted) == 4
    assert adjusted[3] == pytest.approx(0.0095 * 15 / 4)
    assert paired_tests.benjamini_hochberg([]) == []


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("size", [20, 100, 1000])
def test_wilson_covers_the_true_rate(rate: float, size: int) -> None:
    bounds = np.array([intervals.wilson(k, size) for k in range(size + 1)])
    near = np.linspace(max(0.01, rate - 0.025), rate + 0.025, 41)
    covered = [binom.pmf(np.arange(size + 1), size, p) @ ((bounds[:, 0] <= p) & (p <= bounds[:, 1])) for p in near]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_clustered_mean_widens_the_interval() -> None:
    rng, covered, naive = np.random.default_rng(1), 0, 0
    for _ in range(400):
        moods = rng.normal(0, 1, 40).repeat(8)
        values = (moods + rng.normal(0, 0.5, 320)).tolist()
        clusters = np.arange(40).repeat(8).tolist()
        low, high = intervals.clustered_mean(values, clusters)
        covered += low <= 0 <= high
        low, high = intervals.mean(values)
        naive += low <= 0 <= high
    assert 0.92 <= covered / 400 <= 0.98
    assert naive / 400 < 0.7


def test_corrected_mean_of_a_biased_judge_covers_the_truth() -> None:
    rng, covered, widths = np.random.default_rng(2), 0, []
    for _ in range(300):
        truth = rng.random(1200) < 0.6
        judged = np.where(rng.random(1200) < 0.9, truth, True).astype(float)  # too kind
        found = corrected_mean(truth[:150].astype(float), judged[:150], judged[150:])
        covered += found.low <= 0.6 <= found.high
        widths.append(found.high - found.low)
        alone = intervals.mean(truth[:150].astype(float))
    assert 0.92 <= covered / 300 <= 0.98
    assert np.mean(widths) < 0.75 * (alone[1] - alone[0])
    assert math.isnan(corrected_mean([1.0], [1.0], [0.5]).estimate)


def test_so_many_more_human_scores_halve_the_interval() -> None:
    rng = np.random.default_rng(8)
    truth = (rng.random(20_000) < 0.7).astype(float)
    judged = np.clip(truth * 0.6 + 0.2 + rng.normal(0, 0.2, truth.size), 0, 1)
    before = corrected_mean(truth[:100], judged[:100], judged[100:])
    assert before.more is not None
    assert 250 < before.more < 450
    total = 100 + before.more
    after = corrected_mean(truth[:total], judged[:total], judged[total:])
    assert (after.high - after.low) / (before.high - before.low) == pytest.approx(0.5, abs=0.06)
    assert corrected_mean([1.0], [1.0], [0.5]).more is None
    with pytest.raises(ValueError, match="2 human scores and 1 judge scores"):
        corrected_mean([1.0, 0.0], [1.0], [])


def row(
    question: str, score: float | None, error: str | None = None, cluster: str | None = None, said: str = "p"
) -> dict[str, Any]:
    scores = {"exact_match": score, "token_f1": score, "bleu": score}
    answer = {"question": question, "reference": "r", "prediction": None if error else said}
    return {**answer, "error": error, "slices": None, "scores": scores, "cluster": cluster}


def test_compare_uses_matched_examples() -> None:
    rng = np.random.default_rng(3)
    before = [row(f"q{n}", float(rng.random() < 0.5)) for n in range(200)]
    was = [each["scores"]["exact_match"] for each in before]
    after = [row(f"q{n}", max(was[n], float(rng.random() < 0.3))) for n in range(200)]
    after += [row("q1000", 1.0)]
    pairs = comparison.matched(before, after[::-1])
    assert len(pairs) == 200
    exact, f1 = comparison.changes(pairs, ["exact_match", "token_f1"])
    gained = sum(b["scores"]["exact_match"] > a["scores"]["exact_match"] for a, b in pairs)
    assert exact["difference"] == pytest.approx(gained / 200)
    assert exact["p_value"] == pytest.approx(paired_tests.mcnemar(0, gained))
    assert exact["low"] < exact["difference"] < exact["high"]
    sides = [[pair[side]["scores"]["token_f1"] for pair in pairs] for side in (1, 0)]
    assert f1["p_value"] == pytest.approx(ttest_rel(*sides).pvalue)
    assert exact["adjusted_p"] >= exact["p_value"]
    changed = comparison.changed_rows(pairs, "exact_match")
    assert len(changed) == gained


def test_compare_ignores_failed_calls() -> None:
    before, after = [row("a", 1.0), row("b", None, "timeout")], [row("a", None, "timeout"), row("b", 1.0)]
    (change,) = comparison.changes(comparison.matched(before, after), ["exact_match"])
    assert (change["examples"], math.isnan(change["difference"])) == (0, True)
    assert len(comparison.changed_rows(comparison.matched(before, after), "exact_match")) == 2


def test_figure_of_examples_has_value_and_count() -> None:
    assert score_summary.figure([1.0, None, 0.0], "binary").examples == 2
    assert math.isnan(score_summary.figure([None], "binary").value)
    assert (
        score_summary.figure([0.5], "real").low != score_summary.figure([0.5], "real").low
    )  # of one value no interval is known
    assert score_summary.latency([None, 10.0, 30.0]) == pytest.approx({"mean": 20, "p50": 20, "p95": 29, "p99": 29.8})
    assert math.isnan(score_summary.latency([])["p95"])
    assert score_summary.refusals(["I'm sorry, but I can't help with that.", "Paris", None]).value == 0.5


def test_clustered_rate_covers_and_has_width() -> None:
    rng, covered = np.random.default_rng(5), 0
    for _ in range(1000):
        chances = rng.beta(7, 3, 30)  # conversations differ: some go well, some do not
        hits = (rng.random((30, 6)) < chances[:, None]).astype(float).ravel().tolist()
        low, high = intervals.clustered_rate(hits, np.arange(30).repeat(6).tolist())
        covered += low <= 0.7 <= high
    assert 0.93 <= covered / 1000 <= 0.97
    low, high = intervals.clustered_rate([1.0] * 6, [1, 1, 2, 2, 3, 3])
    assert low < 0.4  # three conversations, all right, tell little
    assert high == pytest.approx(1)
    assert math.isnan(intervals.clustered_rate([1.0, 0.0], [1, 1])[0])


def test_figure_of_equal_scores_has_width() -> None:
    figure = score_summary.figure([1.0] * 5, "bounded", bounds=(0.0, 1.0))
    assert (figure.low, figure.high) == pytest.approx(intervals.wilson(5, 5))
    low_end = score_summary.figure([-1.0] * 5, "bounded", bounds=(-1.0, 1.0))
    assert (low_end.low, low_end.high) == pytest.approx((-1, 1 - 2 * intervals.wilson(5, 5)[0]))
    spread = score_summary.figure([1.0, 0.9, 0.2], "bounded", bounds=(0.0, 1.0))
    assert spread.high == 1  # an interval ends where the metric does


def test_compare_of_clustered_examples_uses_clustered_test() -> None:
    rng = np.random.default_rng(6)
    better = rng.random(12) < 0.7
    before = [row(f"q{n}", 0.0, cluster=f"c{n // 10}") for n in range(120)]
    after = [row(f"q{n}", float(better[n // 10]), cluster=f"c{n // 10}") for n in range(120)]
    (change,) = comparison.changes(comparison.matched(before, after), ["exact_match"])
    assert change["test"] == "paired t, clustered"
    assert change["p_value"] > 1e-6  # twelve conversations are no 120 examples
    assert change["p_value"] == pytest.approx(ttest_rel(better.astype(float), np.zeros(12)).pvalue, rel=1e-9)
    alone = [{**each, "cluster": None} for each in before], [{**each, "cluster": None} for each in after]
    (change,) = comparison.changes(comparison.matched(*alone), ["exact_match"])
    assert change["p_value"] < 1e-12


def test_compare_of_corpus_metrics_has_adjusted_p_value() -> None:
    wanted = "the quick brown fox jumps over the lazy dog near the river bank"
    words = wanted.split()
    rng = np.random.default_rng(7)

    def answer(missing: int) -> str:
        return " ".join(word for at, word in enumerate(words) if at not in set(rng.choice(13, missing)))

    questions = [f"q{n}" for n in range(60)]
    poor = [{**row(each, 0.5, said=answer(4)), "reference": wanted} for each in questions]
    good = [{**row(each, 0.9, said=answer(1)), "reference": wanted} for each in questions]
    bleu, exact = comparison.changes(comparison.matched(poor, good), ["bleu", "exact_match"])
    assert bleu["p_value"] == pytest.approx(1 / 2001)
    assert bleu["adjusted_p"] >= bleu["p_value"]
    assert bleu["low"] > 0
    again = [{**row(each, 0.5, said=answer(4)), "reference": wanted} for each in questions]
    (same,) = comparison.changes(comparison.matched(poor, again), ["bleu"])
    assert same["p_value"] > 0.05
    assert exact["examples"] == 60


def test_bootstrap_test_keeps_its_error_rate() -> None:
    rng, rejected = np.random.default_rng(8), 0
    for _ in range(400):
        apart = rng.normal(0, 1, 60)
        _, p_value = paired_tests.bootstrap_test(lambda at, apart=apart: float(apart[at].mean()), 60, resamples=400)
        rejected += p_value <= 0.05
    assert 0.02 <= rejected / 400 <= 0.08


@pytest.mark.parametrize(("labels", "top"), [(20, False), (50, False), (100, False), (20, True), (50, True)])
def test_corrected_mean_interval_covers(labels: int, top: bool) -> None:
    chances = (0.02, 0.01, 0.01, 0.01, 0.95) if top else (0.05, 0.05, 0.1, 0.3, 0.5)
    mean = float(np.dot(chances, range(5))) / 4
    rng, covered, tests = np.random.default_rng(9), 0, 1000
    for _ in range(tests):
        people = rng.choice(5, labels + 300, p=chances)
        judged = np.clip(np.round(people + 0.4 + 0.5 * rng.normal(size=len(people))), 0, 4) / 4
        found = corrected_mean((people[:labels] / 4).tolist(), judged[:labels].tolist(), judged[labels:].tolist())
        covered += found.low <= mean <= found.high
        assert 0 <= found.low < found.high <= 1
    assert covered / tests >= 0.93


def test_corrected_mean_with_clusters_widens() -> None:
    rng, covered, naive, tests = np.random.default_rng(10), 0, 0, 600
    moods = 1 / (1 + np.exp(-1 - 2 * np.random.default_rng(11).normal(size=200_000)))
    for _ in range(tests):
        chances = 1 / (1 + np.exp(-1 - 2 * rng.normal(size=90).repeat(5)))
        people = (rng.random(450) < chances).astype(float)
        judged = np.where(rng.random(450) < 0.9, people, 1 - people)
        parts = people[:150].tolist(), judged[:150].tolist(), judged[150:].tolist()
        found = corrected_mean(*parts, clusters=np.arange(90).repeat(5).tolist())
        covered += found.low <= moods.mean() <= found.high
        found = corrected_mean(*parts)
        naive += found.low <= moods.mean() <= found.high
    assert covered / tests >= 0.92 > naive / tests


def test_mean_difference_of_equal_differences_has_width() -> None:
    assert paired_tests.mean_difference([0.5] * 3, [0.5] * 3, bounds=(0.0, 1.0))[1] > 0.3
    assert math.isnan(paired_tests.mean_difference([0.5] * 3, [0.5] * 3)[0])
    (low, high), p_value = paired_tests.clustered_difference([1.0] * 4, [1.0] * 4, [1, 1, 2, 2], (0.0, 1.0))
    assert (low < -0.3, high > 0.3, p_value) == (True, True, 1.0)
    values = np.random.default_rng(12).normal(0.3, 1, 20)
    copies = values.repeat(15)
    clusters = np.arange(20).repeat(15).tolist()
    once, p_once = paired_tests.bootstrap_test(lambda at: float(values[at].mean()), 20)
    again, p_again = paired_tests.bootstrap_test(lambda at: float(copies[at].mean()), 300, clusters=clusters)
    assert again == pytest.approx(once, abs=0.05)
    assert p_again == pytest.approx(p_once, abs=0.05)
    assert math.isnan(paired_tests.bootstrap_test(lambda at: float(values[at].mean()), 9)[1])
