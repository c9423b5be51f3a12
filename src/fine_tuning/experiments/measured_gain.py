"""Difference in accuracy between a version and its incumbent, measured by evaluations or A/B tests of both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from math import isnan, nan
from operator import itemgetter

from fine_tuning._util.model_names import version_name
from fine_tuning.costs import version_tests
from fine_tuning.costs.roi_facts import AccuracyGain, Agreement, Incumbent, Quality
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import comparison, failed_calls, metrics, score_summary
from fine_tuning.evaluation.comparison import MetricChange
from fine_tuning.experiments import own_answers, verdict
from fine_tuning.experiments.ab_test_result import ABTestResult
from fine_tuning.experiments.field_intervals import interval_of_share
from fine_tuning.experiments.incumbent import compared_arm
from fine_tuning.experiments.own_answers import Answered
from fine_tuning.experiments.sufficient_statistics import Statistics
from fine_tuning.experiments.withheld_tests import ALPHA
from fine_tuning.store import evaluations
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.evaluations import Evaluation, EvaluationRow
from fine_tuning.store.records.experiments import ExperimentOfVersion
from fine_tuning.store.records.model_versions import ModelVersion

HOW = "evaluations of both over the same questions, or an A/B test between them, with right and wrong answers"


def between(tx: Transaction, version: ModelVersion, incumbent: Incumbent | None) -> Quality:
    """The gain of the version over its incumbent, or why it is unknown; and how often it agrees with the incumbent."""
    if incumbent is None:
        return Quality(missing=f"accuracy: it is not known which model is replaced; name the incumbent, then {HOW}")
    found = _Found(tx, version, incumbent)
    gain = found.of_evaluations() or found.of_experiments()
    if gain is not None:
        return Quality(gain, found.agreement)
    reason = found.reasons[0] if found.reasons else HOW
    if found.agreement is not None:
        reason = f"the references are {incumbent.name}'s own answers; labels by people would tell more"
    return Quality(None, found.agreement, f"accuracy against {incumbent.name}: {reason}")


def is_share_of_right(metric: str) -> bool:
    """Whether the mean of a metric is a share of right answers, of which an avoided error can have a value."""
    found = metrics.find(metric)
    return found.kind == "binary" and found.has_reference


class _Found:
    """What evaluations and tests say of a version and its incumbent; `reasons` says why some do not count."""

    def __init__(self, tx: Transaction, version: ModelVersion, incumbent: Incumbent) -> None:
        self._tx, self._version, self._incumbent = tx, version, incumbent
        self._rows_of = cache(partial(evaluations.results, tx))
        self.agreement: Agreement | None = None
        self.reasons: list[str] = []

    def of_evaluations(self) -> AccuracyGain | None:
        """The gain in the newest evaluations of both over the same questions, scored as right or wrong."""
        name, number = self._version["model_name"], self._version["version"]
        others = self._of_incumbent()
        for after in evaluations.of_version(self._tx, name, number)[::-1]:
            rows = self._rows_of(after["id"])
            if not is_share_of_right(after["metric"]):
                self.reasons.append(
                    f"{after['metric']} of evaluation {after['id']} is no share of right answers; {HOW}"
                )
            elif (is_own := self._are_own_answers(rows, others)) is None:
                self._add_unknown(f"evaluation {after['id']}")
            elif is_own:
                self.agreement = self.agreement or _agreement(after, rows, self._incumbent.name)
            else:
                gains = (self._gain(before, after, self._rows_of(before["id"]), rows) for before in others)
                if (gain := next(filter(None, gains), None)) is not None:
                    return gain
        return None

    def _of_incumbent(self) -> list[Evaluation]:
        """Evaluations of the incumbent under any of its names, newest first."""
        version = self._incumbent.version
        found = [] if version is None else evaluations.of_version(self._tx, version["model_name"], version["version"])
        known = {each["id"] for each in found}
        for name in filter(self._incumbent.is_named, evaluations.names(self._tx)):
            named = evaluations.of_model(self._tx, name)
            found += [each for each in named if each["model_version_id"] is None and each["id"] not in known]
        return sorted(found, key=itemgetter("id"), reverse=True)

    def _add_unknown(self, where: str) -> None:
        """Of few labels without questions it is not known who gave them."""
        self.reasons.append(
            f"the references of {where} are few labels without questions, which {self._incumbent.name} may have given "
            "itself; evaluate both with their questions"
        )

    def _are_own_answers(self, rows: Sequence[EvaluationRow], others: Sequence[Evaluation]) -> bool | None:
        if any(own_answers.are_predictions(_same_questions(self._rows_of(each["id"]), rows)) for each in others):
            return True
        questions = [own_answers.Question(row["question"], row["reference"]) for row in rows if row["question"]]
        if questions:
            return own_answers.are_references(self._tx, self._incumbent, questions)
        references = [row["reference"] for row in rows]
        alike = [each for each in others if [row["reference"] for row in self._rows_of(each["id"])] == references]
        right = max((each["accuracy"] or 0.0 for each in alike), default=0.0)
        return own_answers.are_references_without_questions(
            self._tx, self._incumbent, references, right=right, before=None
        )

    def _gain(
        self, before: Evaluation, after: Evaluation, earlier: Sequence[EvaluationRow], later: Sequence[EvaluationRow]
    ) -> AccuracyGain | None:
        """The gain over the examples that both answered, if failed calls could not have decided its direction.

        Its interval holds whatever the failed calls would have scored.
        """
        metric = after["metric"]
        if metric != before["metric"]:
            return None
        try:
            pairs = comparison.matched(earlier, later)
        except UsageError:  # over different questions
            return None
        which, fewer = f"evaluations {before['id']} and {after['id']}", min(len(earlier), len(later))
        if len(pairs) <= own_answers.SHARE * fewer:  # a few that both happen to have are a sample of neither
            self.reasons.append(f"only {len(pairs):,} of {fewer:,} questions are in both {which}; {HOW}")
            return None
        are_asked = all(row["question"] for row in (*earlier, *later))
        if not are_asked and own_answers.are_labels([row["reference"] for row in later]):
            self.reasons.append(
                f"the references of {which} are few labels without questions, and equal ones may be of other "
                "questions; evaluate both with questions=..., the same list"
            )
            return None
        (change,) = comparison.changes(pairs, [metric])
        extremes = failed_calls.bounds(pairs, metric)
        if not change["examples"] or {_direction(each) for each in extremes} != {_direction(change)}:
            names = self._incumbent.name, version_name(self._version["model_name"], self._version["version"])
            self.reasons.append(f"in {which}, {failed_calls.reason_of_pairs(names, pairs)}; evaluate both again")
            return None
        source = f"{which}: {metric}, {change['examples']:,} examples of both"
        return AccuracyGain(change["difference"], extremes.against["low"], extremes.in_favour["high"], source)

    def of_experiments(self) -> AccuracyGain | None:
        """The gain in the newest A/B test between exactly these two."""
        for test in version_tests.of_version(self._tx, self._version)[::-1]:
            result = self._against_incumbent(test) if test["statistics"] else None
            if result is None:
                continue
            low, high = result.intervals.get("accuracy", (nan, nan))
            if result.withheld:
                self.reasons.append(f"A/B test {test['id']} has no verdict: {result.withheld}")
            elif result.changed:
                self.reasons.append(f"A/B test {test['id']}: {result.changed}")
            elif result.score != "binary":
                self.reasons.append(f"scores of A/B test {test['id']} are no shares of right answers; {HOW}")
            elif (is_own := own_answers.are_references_of_test(self._tx, self._incumbent, test)) is None:
                self._add_unknown(f"A/B test {test['id']}")
            elif is_own:
                self.agreement = self.agreement or _agreement_of_test(test, result, self._incumbent.name)
            elif not (low > -1 or high < 1):  # any difference is possible: so far it says nothing
                self.reasons.append(f"A/B test {test['id']} has too few samples to tell a difference; record more")
            else:
                source = f"A/B test {test['id']} against {self._incumbent.name}"
                if test["arm"] == "model_a":
                    return AccuracyGain(-result.effect, -high, -low, source)
                return AccuracyGain(result.effect, low, high, source)
        return None

    def _against_incumbent(self, test: ExperimentOfVersion) -> ABTestResult | None:
        """The comparison of the version's arm with the incumbent, if there is one."""
        arm = compared_arm(self._tx, test, self._incumbent)
        return None if arm is None else verdict.judge(test, ALPHA).of(arm)


def _same_questions(earlier: Sequence[EvaluationRow], later: Sequence[EvaluationRow]) -> list[Answered]:
    """The earlier predictions with the later references; none of other questions, nor where most were not asked."""
    if all(row["question"] for row in later):
        predictions = {row["question"]: row["prediction"] for row in earlier}
        found = [
            Answered(predictions[row["question"]], row["reference"]) for row in later if row["question"] in predictions
        ]
    elif [row["reference"] for row in earlier] == [row["reference"] for row in later]:
        found = [Answered(row["prediction"], row["reference"]) for row in earlier]
    else:
        found = []
    return found if len(found) > own_answers.SHARE * len(later) else []


def _direction(change: MetricChange) -> int:
    """1 where the second is better for certain, -1 where it is worse, else 0."""
    return 1 if change["low"] > 0 else -1 if change["high"] < 0 else 0


def _agreement(evaluation: Evaluation, rows: Sequence[EvaluationRow], incumbent: str) -> Agreement | None:
    metric, clusters = metrics.find(evaluation["metric"]), [row["cluster"] for row in rows]
    known = None if None in clusters else clusters
    found = score_summary.figure([row["score"] for row in rows], metric.kind, known, metric.bounds)
    if not found.examples:
        return None
    source = f"evaluation {evaluation['id']}: {evaluation['metric']}, {found.examples:,} answers of {incumbent}"
    return Agreement(found.value, found.low, found.high, source)


def _agreement_of_test(test: ExperimentOfVersion, result: ABTestResult, incumbent: str) -> Agreement | None:
    is_a = test["arm"] == "model_a"
    share, interval = (
        result.model_a_accuracy if is_a else result.model_b_accuracy,
        interval_of_share(result, test["arm"]),
    )
    if interval is None or isnan(share):
        return None
    scored = Statistics.of(test["statistics"]).arms[test["arm"]].scores.count  # not those still open, or failed
    return Agreement(share, *interval, f"A/B test {test['id']}: {scored:,} answers of {incumbent}")
