"""Difference in accuracy between a version and its incumbent, measured by evaluations or A/B tests of both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from math import isfinite

from fine_tuning.costs.roi_facts import AccuracyGain, Agreement, Quality
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import comparison, metrics, score_summary
from fine_tuning.experiments import verdict
from fine_tuning.experiments.ab_test_result import ABTestResult
from fine_tuning.store import evaluations, examples, experiments
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.evaluations import Evaluation, EvaluationRow
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.model_versions import ModelVersion

OWN_ANSWERS = 0.5  # share of references that are the incumbent's, from which a score is agreement with it
HOW = "evaluations of both over the same questions, or an A/B test between them"


def between(tx: Transaction, version: ModelVersion, incumbent: str | None) -> Quality:
    """The gain of the version over its incumbent, or why it is unknown; and how often it agrees with the incumbent."""
    if incumbent is None:
        return Quality(missing=f"accuracy: it is not known which model is replaced; name the incumbent, then {HOW}")
    rows_of = cache(partial(evaluations.results, tx))
    own = evaluations.of_version(tx, version["model_name"], version["version"])[::-1]
    agreement = None
    for after in own:
        if _is_share(after) and _are_answers_of(tx, incumbent, rows_of(after["id"])):
            agreement = agreement or _agreement(after, rows_of(after["id"]), incumbent)
            continue
        for before in evaluations.of_name(tx, incumbent)[::-1]:
            gain = _gain(before, after, rows_of(before["id"]), rows_of(after["id"]))
            if gain is not None:
                return Quality(gain, agreement)
    gain, reason = _of_experiments(tx, version, incumbent)
    if gain is None and agreement is not None:
        reason = f"the references are {incumbent}'s own answers; labels by people or a judge would tell more"
    missing = "" if gain is not None else f"accuracy against {incumbent}: {reason or HOW}"
    return Quality(gain, agreement, missing)


def _is_share(evaluation: Evaluation) -> bool:
    return metrics.find(evaluation["metric"]).bounds == (0.0, 1.0)


def _gain(
    before: Evaluation, after: Evaluation, earlier: Sequence[EvaluationRow], later: Sequence[EvaluationRow]
) -> AccuracyGain | None:
    if after["metric"] != before["metric"] or not _is_share(after):
        return None
    try:
        pairs = comparison.matched(earlier, later)
    except UsageError:  # over different questions
        return None
    (change,) = comparison.changes(pairs, [after["metric"]])
    if not change["examples"]:
        return None
    which = f"evaluations {before['id']} and {after['id']}"
    source = f"{which}: {after['metric']}, {change['examples']:,} examples of both"
    return AccuracyGain(change["difference"], change["low"], change["high"], source)


def _are_answers_of(tx: Transaction, incumbent: str, rows: Sequence[EvaluationRow]) -> bool:
    """Whether the references are what the incumbent itself has answered."""
    asked = [(_last_question(row["question"]), row["reference"]) for row in rows if row["question"]]
    answered = examples.answers_of(tx, incumbent, sorted({reference for _, reference in asked}))
    return bool(asked) and sum(each in answered for each in asked) > OWN_ANSWERS * len(asked)


def _last_question(question: str) -> str:
    return question.rsplit("\nuser: ", 1)[-1]


def _agreement(evaluation: Evaluation, rows: Sequence[EvaluationRow], incumbent: str) -> Agreement | None:
    metric, clusters = metrics.find(evaluation["metric"]), [row["cluster"] for row in rows]
    known = None if None in clusters else clusters
    found = score_summary.figure([row["score"] for row in rows], metric.kind, known, metric.bounds)
    if not found.examples:
        return None
    source = f"evaluation {evaluation['id']}: {evaluation['metric']}, {found.examples:,} answers of {incumbent}"
    return Agreement(found.value, found.low, found.high, source)


def _of_experiments(tx: Transaction, version: ModelVersion, incumbent: str) -> tuple[AccuracyGain | None, str]:
    """The gain in an A/B test between exactly these two, or why there is none."""
    reason = ""
    for test in experiments.of_version(tx, version["model_name"], version["version"])[::-1]:
        result = _against(verdict.judge(test, 0.05), test["arm"], incumbent) if test["statistics"] else None
        if result is None:
            continue
        if result.withheld:
            reason = reason or f"A/B test {test['id']} has no verdict: {result.withheld}"
            continue
        low, high = result.intervals["accuracy"]
        if result.score == "real" or not (isfinite(low) and isfinite(high)):
            continue
        source = f"A/B test {test['id']} against {incumbent}"
        if test["arm"] == "model_a":
            return AccuracyGain(-result.effect, -high, -low, source), ""
        return AccuracyGain(result.effect, low, high, source), ""
    return None, reason


def _against(result: ABTestResult, arm: Arm, incumbent: str) -> ABTestResult | None:
    """The comparison of an arm with the incumbent, if there is one."""
    if arm != "model_a":
        return result.of(arm) if result.model_a == incumbent else None
    return next((each for each in result.comparisons if each.model_b == incumbent), None)
