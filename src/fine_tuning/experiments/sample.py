"""A sample: one answer of one model, or one call that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments.design import MEASURES, Design
from fine_tuning.store.experiments import ARMS
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import NewSample


@dataclass(frozen=True)
class Sample:
    """One answer of one model, or one call that failed.

    Attributes:
        arm: model_a, model_b, or that of a further model.
        score: of the answer; None while unknown, and of a call that failed.
        error: why there is no answer.
        latency_ms: milliseconds; None where unknown.
        cost: US dollars; None where unknown.
        sample_id: id of the question: the same for both models' answers, and the one of a later outcome.
        cluster_id: id of samples that may be correlated, such as a user's.
        covariate: a figure known before the call that scores may depend on.
        stratum: a kind of call, known before it (a language, a plan), within which the models are compared.
        provider: what answered: the address of the host, its id, or "local"; kept for each arm, not for each sample.
        measures: other figures of the answer by name.

    Raises:
        UsageError: a value is out of range.
    """

    arm: Arm
    prediction: str | None = None
    reference: str | None = None
    score: float | None = None
    error: str | None = None
    latency_ms: float | None = None
    cost: float | None = None
    sample_id: str | None = None
    cluster_id: str | None = None
    covariate: float | None = None
    stratum: str | None = None
    provider: str | None = None
    measures: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_arm(self.arm)
        for label, text in _ids(self):
            if text is not None:
                checks.name(label, text)
        for label, value in (("score", self.score), ("covariate", self.covariate), *self.measures.items()):
            if value is not None:
                checks.number(label, value)
        if taken := self.measures.keys() & set(MEASURES):
            raise UsageError(
                f"{min(taken)} is a reserved name, not a custom measure; pass it as an argument of the sample"
            )
        if self.error is not None and self.score is not None:
            raise UsageError("a call that failed has no score")

    def as_row(self) -> NewSample:
        """The sample as the store keeps it."""
        return {
            "arm": self.arm,
            "sample_id": self.sample_id,
            "ordinal": None,
            "score": self.score,
            "cluster_id": self.cluster_id,
            "prediction": self.prediction,
            "reference": self.reference,
            "error": self.error,
            "latency_ms": self.latency_ms,
            "cost": self.cost,
            "covariate": self.covariate,
            "stratum": self.stratum,
            "measures": dict(self.measures) or None,
            "metadata": dict(self.metadata),
        }


def _ids(sample: Sample) -> list[tuple[str, str | None]]:
    return [(name, getattr(sample, name)) for name in ("sample_id", "cluster_id", "stratum", "provider")]


def check_arm(value: object, arms: Sequence[Arm] = ARMS) -> Arm:
    """The arm that a value names.

    Args:
        arms: of the test; by default those that any test may have.

    Raises:
        UsageError: it is none of them.
    """
    for arm in arms:
        if value == arm:
            return arm
    known = arms if arms is not ARMS else arms[:2]
    raise UsageError(f"unknown arm {value!r}; use {', '.join(known[:-1])} or {known[-1]}")


def check_score(design: Design, score: object) -> float:
    """The score, if the design allows it.

    Raises:
        UsageError: it is no number, or out of its bounds.
    """
    found = checks.number("score", float(score) if isinstance(score, bool) else score)
    if design.score == "binary" and found not in (0, 1):
        raise UsageError(f"scores of this test are 0 or 1, not {score!r}; create it with score='bounded' or 'real'")
    if design.score == "bounded" and not design.low <= found <= design.high:
        raise UsageError(f"scores of this test lie between {design.low:g} and {design.high:g}, not {score!r}")
    return found
