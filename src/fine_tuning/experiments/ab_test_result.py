"""The result of an A/B test, and its form as JSON, which has neither NaN nor infinity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import inf, isfinite, isnan, nan
from numbers import Integral, Real
from typing import Any, cast

from fine_tuning.errors import UsageError
from fine_tuning.store.records.experiment_json import Arm, ExperimentResult, GuardrailStatus
from fine_tuning.store.records.experiments import Experiment

_UNKNOWN_FIGURE = {"model_a": nan, "model_b": nan, "low": -inf, "high": inf}  # of a guardrail
Interval = tuple[float, float]


@dataclass
class ABTestResult:
    """The state of a test; improvements are positive where model_b is better, unknown is nan.

    The first nineteen fields are enough for a recommendation. None counts as nan, so that an exported result can be
    loaded: `ABTestResult(**json.loads(text)[test_id])`.

    Accuracy is the mean score: the share of right answers where scores are binary.

    Attributes:
        accuracy_improvement, latency_improvement, cost_improvement: differences of the plain means.
        statistical_significance: whether the design shows that the scores differ, at `1 - confidence_level`.
        p_value: valid at every look (anytime), at the planned looks (group_sequential), at the end (fixed).
        intervals: of the improvements in accuracy, and (at alpha / 5) latency and cost, as (low, high), infinite while
            unknown; and of model_a_accuracy and model_b_accuracy where scores are right or wrong (95 %, at one look).
            Empty for a result of the nineteen fields.
        late_samples: number of samples that arrived after the end.
        model_a_open, model_b_open: samples whose outcome is not known yet.
        effect: the difference in score that the verdict is about: within strata and blocks of time, adjusted where
            there is a covariate.
        favours: 1 where the verdict is for model_b, -1 for model_a, 0 while there is none.
        samples_needed: about how many more of each model (or pairs) until a verdict; nan where unknown.
        is_over: whether no further sample can change the verdict (planned designs after their last look).
        guardrails: the state of each; see `guardrails.GuardrailVerdict`.
        ratio_mismatch_p: p-value of the sample ratio check (SRM); nan where no split is planned.
        withheld: why there is no verdict whatever the scores are (a sample ratio mismatch); empty where there may be
            one.
        changed: how samples since a verdict contradict it, so that there is none any more (p_value is nan, and the
            interval holds both what was and what is); else empty.
        warnings: what to know of how the samples came, such as shares that drifted, and how many of each model are
            compared where it is not all; and why the effect is not the difference of the plain means, where it is not.
        arm: the one that is called model_b here; others: the comparisons of the further models with model_a.
        versions: by arm the version that the test is about, where the model's name stands for another by now.
        score, margin, is_paired: of the design; see there.
    """

    test_id: str
    model_a: str
    model_b: str
    status: str
    total_samples: int
    model_a_accuracy: float
    model_b_accuracy: float
    accuracy_improvement: float
    model_a_avg_latency: float
    model_b_avg_latency: float
    latency_improvement: float
    model_a_cost_per_inference: float
    model_b_cost_per_inference: float
    cost_improvement: float
    statistical_significance: bool
    confidence_level: float
    started_at: str
    completed_at: str | None
    metadata: dict[str, Any] = field(default_factory=dict)  # the caller's own
    p_value: float = nan
    model_a_samples: int = 0
    model_b_samples: int = 0
    intervals: dict[str, Interval] = field(default_factory=dict)
    design: str = "anytime"
    effect: float = nan
    favours: int = 0
    samples_needed: float = nan
    is_over: bool = False
    guardrails: list[GuardrailStatus] = field(default_factory=list)
    ratio_mismatch_p: float = nan
    withheld: str = ""
    score: str = "binary"
    margin: float = 0.05
    is_paired: bool = False
    late_samples: int = 0
    model_a_open: int = 0
    model_b_open: int = 0
    changed: str = ""
    warnings: list[str] = field(default_factory=list)
    arm: Arm = "model_b"
    others: list[ABTestResult] = field(default_factory=list)
    versions: dict[Arm, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read null of JSON as nan, or as infinity where it is the end of an interval.

        Raises:
            UsageError: a figure is no number.
        """
        for each in fields(self):
            setattr(self, each.name, _checked(each.name, str(each.type), getattr(self, each.name)))
        self.intervals = {
            name: (-inf if low is None else low, inf if high is None else high)
            for name, (low, high) in (self.intervals or {}).items()
        }
        self.others = [each if isinstance(each, ABTestResult) else ABTestResult(**each) for each in self.others or []]
        self.guardrails = [
            cast("GuardrailStatus", {key: _UNKNOWN_FIGURE[key] if end is None else end for key, end in each.items()})
            for each in self.guardrails or []
        ]

    @property
    def without_samples(self) -> str | None:
        """The model (the first, if both) without any sample; None where both have some."""
        has_a, has_b = self.model_a_samples > 0, self.model_b_samples > 0
        if self.total_samples and not (has_a or has_b):  # the nineteen fields have no counts per model
            has_a, has_b = not isnan(self.model_a_accuracy), not isnan(self.model_b_accuracy)
        if has_a and has_b:
            return None
        return self.model_b if has_a else self.model_a

    @property
    def comparisons(self) -> list[ABTestResult]:
        """Each model beside model_a, in the order of arms."""
        return [self, *self.others]

    @property
    def all_warnings(self) -> list[str]:
        """The warnings of all comparisons, each once."""
        return [*dict.fromkeys(warning for each in self.comparisons for warning in each.warnings)]

    def of(self, arm: Arm) -> ABTestResult:
        """The comparison of an arm with model_a; of model_a the first."""
        return next((each for each in self.comparisons if each.arm == arm), self)

    def as_json(self) -> ExperimentResult:
        """The result with None for what is not finite."""
        return cast("ExperimentResult", _finite(asdict(self)))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ABTestResult:
        """A result that `as_json` gave, also by an earlier version; keys that are no field are left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})


def _checked(name: str, kind: str, value: Any) -> Any:
    """The value of a field, as its type; figures of other libraries (NumPy) become Python's."""
    if kind == "float":
        if value is None:
            return nan
        if isinstance(value, Real) and not isinstance(value, bool):
            return float(value)
    elif kind == "int" and isinstance(value, Integral):
        return int(value)
    elif kind == "bool" and not isinstance(value, str) and value in (True, False):
        return bool(value)
    if kind in {"float", "int", "bool"}:
        expected = {"float": "a number", "int": "a whole number", "bool": "true or false"}[kind]
        raise UsageError(f"{name} must be {expected}, not {value!r}")
    return value


def concluded_result(test: Experiment) -> ABTestResult | None:
    """The stored verdict of a test, with the samples that arrived after its end; None while it runs."""
    if not test["result"]:
        return None
    result = ABTestResult.from_json(test["result"])
    result.late_samples = test["late"]
    return result


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
