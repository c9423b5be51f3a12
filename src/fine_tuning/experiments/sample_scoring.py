"""Samples as callers give them: checked, and scored by the test's metric."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypedDict, cast

from fine_tuning._util import checks
from fine_tuning.data_io.answers import AnswerLike, as_compared, compared
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import metrics
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.sample import Sample, check_arm, check_score
from fine_tuning.experiments.sample_buffer import Buffer
from fine_tuning.store.records.experiment_json import Arm

_log = logging.getLogger(__name__)
Arguments = Mapping[str, object]  # of `ABTestFramework.record_sample`, unchecked


class SampleDetails(TypedDict, total=False):
    """Arguments of a sample that few have; see `ABTestFramework.record_sample`."""

    score: float | None
    error: str | None
    sample_id: str | None
    cluster_id: str | None
    covariate: float | None
    stratum: str | None
    provider: str | None
    measures: Mapping[str, float] | None


_ARGUMENTS = {"model", "prediction", "reference", "latency_ms", "cost", "metadata", *SampleDetails.__annotations__}


class Rules(NamedTuple):
    """What samples of a test must keep to: its design and its arms."""

    design: Design
    arms: Sequence[Arm]


def checked_sample(row: Arguments, rules: Rules) -> Sample:
    """The sample with these arguments, scored.

    Raises:
        UsageError: an argument is unknown or out of range, or there is nothing to score.
    """
    if not isinstance(row, (dict, Mapping)):
        raise UsageError(f"a sample must be a mapping of its arguments, not {type(row).__name__}")
    if unknown := row.keys() - _ARGUMENTS:
        raise UsageError(f"unknown argument {min(unknown)!r} of a sample; known are {', '.join(sorted(_ARGUMENTS))}")
    given = *compared(row.get("prediction"), row.get("reference")), row.get("error")
    prediction, reference, error = map(_text, given)
    score = row.get("score")
    if score is None and error is None:
        if prediction is not None and reference is not None:
            score = scored(rules.design.metric, prediction, reference)
        elif row.get("sample_id") is None:
            raise UsageError("prediction and reference must be text; or give score, error, or a sample_id for later")
    return Sample(
        arm=check_arm(row.get("model", ""), rules.arms),
        prediction=prediction,
        reference=reference,
        score=None if score is None else check_score(rules.design, score),
        error=error,
        latency_ms=checks.amount("latency_ms", row.get("latency_ms")),
        cost=checks.amount("cost", row.get("cost")),
        sample_id=cast("str | None", row.get("sample_id")),  # names are checked with the sample
        cluster_id=cast("str | None", row.get("cluster_id")),
        stratum=cast("str | None", row.get("stratum")),
        provider=cast("str | None", row.get("provider")),
        covariate=None if row.get("covariate") is None else checks.number("covariate", row["covariate"]),
        measures={
            name: checks.number(str(name), value)
            for name, value in checks.mapping("measures", row.get("measures")).items()
            if value is not None
        },
        metadata=checks.mapping("metadata", row.get("metadata")),
    )


def answer_text(given: object) -> str | None:
    """The text by which an answer is compared.

    Raises:
        UsageError: it is neither text, nor a message, nor tool calls.
    """
    return _text(as_compared(given))


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UsageError("prediction, reference and error must be text, or messages with tool calls")
    return value


def scored(name: str, prediction: str, reference: str) -> float:
    """The score of a prediction, higher is better: that of a metric of errors is negated."""
    metric = metrics.find(name)
    score = metric.score(prediction, reference)
    return score if metric.higher_is_better else -score


def with_score_of_metric(choices: dict[str, object]) -> dict[str, object]:
    """Choices of a design, with the kind and bounds of its metric's scores unless they are chosen.

    Raises:
        UsageError, NotFoundError, DataError, MissingDependencyError: the metric cannot be used.
    """
    if "metric" not in choices:
        return choices
    name = checks.name("metric", choices["metric"])
    if name == "judge":
        raise UsageError("a judge cannot score samples; grade answers with judging.grades, and record their score")
    metrics.check(name)  # before the first answer is paid for
    if "score" in choices:
        return choices
    metric = metrics.find(name)
    bounds = {} if metric.bounds is None else {"low": metric.bounds[0], "high": metric.bounds[1]}
    return {"score": metric.kind, **bounds, **choices}


class Recorder(Buffer):
    """A buffer of one test's samples."""

    def __init__(self, write: Callable[[Sequence[Sample]], object], rules: Rules) -> None:
        super().__init__(write)
        self._rules = rules

    def record(self, model: str, prediction: AnswerLike | None, reference: AnswerLike | None, **more: object) -> bool:
        """As `ABTestFramework.record_sample`; an invalid sample counts as dropped, and returns False."""
        try:
            sample = checked_sample(
                {"model": model, "prediction": prediction, "reference": reference, **more}, self._rules
            )
        except UsageError as error:
            _log.warning("sample not recorded: %s", error)
            self.dropped += 1
            return False
        return self.add(sample)
