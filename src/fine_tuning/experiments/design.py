"""The design of a test: chosen when it is created, never changed after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import isnan
from typing import Any, cast

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments.group_sequential import SPENDING
from fine_tuning.store.records.experiment_json import DesignFields, DesignRecord

KINDS = ("anytime", "group_sequential", "fixed")
SCORES = ("binary", "bounded", "real")
LOOKS = 8  # planned by default: more hardly shortens a test, and lengthens the longest
STATISTICS = ("mean", "p95")
SLOTS = 1000  # equal parts of all units
MIN_SHARE = 1 / SLOTS
MIN_ALPHA = 1e-9
MEASURES = ("latency", "cost", "errors")  # of every sample


def difference_text(score: str, difference: float) -> str:
    """A difference of scores: points of a rate, else as it is.

    Args:
        score: of the design.
    """
    if isnan(difference):
        return "unknown"
    return f"{difference * 100:+.1f} points" if score == "binary" else f"{difference:+.3g}"


@dataclass(frozen=True)
class Guardrail:
    """A measure that model_b must not make worse.

    Attributes:
        measure: latency, cost, errors (the rate of failed calls), or a name under `measures` of the samples.
        statistic: mean, or p95 for latency.
        margin: how much worse is acceptable: a share of model_a's figure, or absolute.
        relative: whether the margin is a share.
        higher_is_better: of a measure of the samples.
    """

    measure: str
    margin: float
    statistic: str = "mean"
    relative: bool = True
    higher_is_better: bool = False

    def __post_init__(self) -> None:
        checks.name("guardrail's measure", self.measure)
        checks.one_of("statistic", self.statistic, STATISTICS)
        if self.statistic == "p95" and self.measure != "latency":
            raise UsageError(f"p95 is kept of latency alone, not of {self.measure}")
        if checks.amount("guardrail's margin", self.margin) is None:
            raise UsageError("guardrail's margin must be a number of 0 or more")
        for label in ("relative", "higher_is_better"):
            checks.flag(label, getattr(self, label))
        if self.higher_is_better and self.measure in MEASURES:
            raise UsageError(f"{self.measure} is better where it is lower")

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.measure if self.statistic == "mean" else f"{self.measure} {self.statistic}"


@dataclass(frozen=True)
class Design:
    """The rules of a test.

    Attributes:
        kind: anytime (valid at every look), group_sequential (planned looks) or fixed (one look).
        alpha: the false positive rate, two-sided.
        planned: samples per model (pairs, where answers are paired) that group_sequential and fixed are planned for.
        looks: number of planned looks of group_sequential, evenly spaced.
        spending: one of `group_sequential.SPENDING`.
        score: binary (0 or 1), bounded (`low` to `high`) or real.
        metric: the evaluator's metric that scores a prediction against its reference.
        margin: the largest difference of scores (in their own units) at which models count as equally good.
        split: the share of the units that see model_b, or, evenly, model_b and the further models; None where samples
            are not assigned at random, which turns the sample ratio check off.
        guardrails: measures that model_b must not make worse.
        ramp: the share of the units that take part.
        layer: tests of one layer share no units.
        auto: deploy the winner and end the test as soon as there is a verdict.
    """

    kind: str = "anytime"
    alpha: float = 0.05
    planned: int | None = None
    looks: int = LOOKS
    spending: str = "t2"
    score: str = "binary"
    low: float = 0.0
    high: float = 1.0
    metric: str = "exact_match"
    margin: float = 0.05
    split: float | None = 0.5
    guardrails: tuple[Guardrail, ...] = ()
    ramp: float = 1.0
    layer: str | None = None
    auto: bool = False

    def __post_init__(self) -> None:
        """Check every choice.

        Raises:
            UsageError: one is out of range, or missing.
        """
        checks.one_of("design", self.kind, KINDS)
        check_alpha(self.alpha)
        checks.one_of("spending", self.spending, SPENDING)
        checks.one_of("score", self.score, SCORES)
        checks.name("metric", self.metric)
        checks.count("looks", self.looks, 1, 100)
        if self.kind != "anytime" and self.planned is None:
            raise UsageError(
                f"a {self.kind} test needs planned=, its samples per model; `ft-cli ab plan` tells how many"
            )
        if self.planned is not None:
            checks.count("planned", self.planned, max(2, self.looks if self.kind == "group_sequential" else 2))
        ends = [checks.number(label, getattr(self, label)) for label in ("low", "high")]
        if not ends[0] < ends[1]:
            raise UsageError(f"scores must lie between low and high, not {self.low} and {self.high}")
        if checks.amount("margin", self.margin) is None:
            raise UsageError("margin must be a number of 0 or more")
        if self.score != "real" and self.margin >= self.spread:
            raise UsageError(f"margin must be less than {self.spread:g}, the range of the scores, not {self.margin:g}")
        if self.split is not None and not 0 < (checks.rate("split", self.split) or 0) < 1:
            raise UsageError(f"split must be between 0 and 1, not {self.split}")
        if checks.rate("ramp", self.ramp) is None or 0 < self.ramp < MIN_SHARE:
            raise UsageError(f"ramp must be 0, or between {MIN_SHARE:g} and 1")
        checks.flag("auto", self.auto)
        if self.layer is not None:
            checks.name("layer", self.layer)

    def shares(self, models: int) -> list[float]:
        """The share of the units that each model sees, model_a first."""
        split = self.split or 0.5
        return [1 - split, *[split / (models - 1)] * (models - 1)]

    @property
    def spread(self) -> float:
        """The range of the scores."""
        return self.high - self.low

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and highest score, where they are not of any size."""
        return (0.0, 1.0) if self.score == "binary" else (self.low, self.high)

    @property
    def fractions(self) -> tuple[float, ...]:
        """The parts of the planned samples at which the test looks; none for anytime."""
        if self.kind == "fixed":
            return (1.0,)
        return tuple(look / self.looks for look in range(1, self.looks + 1)) if self.kind != "anytime" else ()

    def as_dict(self) -> DesignRecord:
        """The choices as plain JSON values."""
        return cast("DesignRecord", asdict(self))

    @classmethod
    def of(cls, **choices: object) -> Design:
        """A design of these choices; guardrails may be dicts.

        Raises:
            UsageError: a choice is unknown or out of range.
        """
        if unknown := choices.keys() - {each.name for each in fields(cls)}:
            known = ", ".join(each.name for each in fields(cls) if each.name != "kind")
            raise UsageError(f"unknown choice {min(unknown)!r}; known are {known}")
        rails = choices.get("guardrails") or ()
        if not isinstance(rails, list | tuple):
            raise UsageError(f"guardrails must be a list, not {type(rails).__name__}")
        chosen: dict[str, Any] = {**choices, "guardrails": tuple(_guardrail(each) for each in rails)}
        return cls(**chosen)  # which checks them


class DesignChoices(DesignFields, total=False):
    """What a design can be made of, beside its kind; see `Design`."""

    guardrails: Sequence[Guardrail | Mapping[str, object]]


def _guardrail(given: object) -> Guardrail:
    if isinstance(given, Guardrail):
        return given
    known = {each.name for each in fields(Guardrail)}
    if not isinstance(given, Mapping) or not {"measure", "margin"} <= given.keys() <= known:
        raise UsageError(f"a guardrail has measure and margin, and may have {', '.join(sorted(known))}; not {given!r}")
    return Guardrail(**given)


def check_alpha(alpha: float) -> float:
    """Raise UsageError unless `alpha` is between 0 and 1, and no smaller than the computations allow."""
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not MIN_ALPHA <= alpha < 1:
        raise UsageError(f"alpha must be between 0 and 1 ({MIN_ALPHA:g} at least), not {alpha}")
    return alpha
