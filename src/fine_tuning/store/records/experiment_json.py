"""JSON columns of A/B tests: the design, the running sums and the stored result, a TypedDict each.

Tests stored by earlier versions may lack keys that came later; readers give those their defaults.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Arm = Literal["model_a", "model_b", "model_c", "model_d", "model_e", "model_f", "model_g", "model_h"]
Slots = list[list[int]]  # pairs of first and one after last, in thousandths of all units


class GuardrailRecord(TypedDict):
    """A guardrail as the design stores it; see `experiments.design.Guardrail`."""

    measure: str
    margin: float
    statistic: str
    relative: bool
    higher_is_better: bool


class DesignFields(TypedDict, total=False):
    """What designs have in common, as they are given and as they are stored; see `experiments.design.Design`."""

    alpha: float
    planned: int | None
    looks: int
    spending: str
    score: str
    low: float
    high: float
    metric: str
    margin: float
    split: float | None
    ramp: float
    layer: str | None
    auto: bool


class DesignRecord(DesignFields, total=False):
    """`experiments.design`; empty for results imported from files."""

    kind: str
    guardrails: list[GuardrailRecord]


class MomentsRecord(TypedDict):
    """Count, sum, and sums of squared and cubed distances from the mean."""

    count: int
    total: float
    squares: float
    cubes: float


class ClusterSumsRecord(TypedDict):
    """Sums over clusters of their scores s and sizes n."""

    count: int
    s_squared: float
    s_n: float
    n_squared: float


class HistogramRecord(TypedDict):
    """Number of amounts by bucket."""

    buckets: dict[str, int]


class ArmRecord(TypedDict):
    """Running sums of one model."""

    samples: int
    scores: MomentsRecord
    measures: dict[str, MomentsRecord]
    latencies: HistogramRecord
    by_cluster: NotRequired[dict[str, ClusterSumsRecord]]


class PlannedLookRecord(TypedDict):
    """What a planned look found."""

    size: int
    estimate: float | None
    variance: float | None
    z: float
    degrees: float | None
    skewness: float | None
    continuity: NotRequired[float]


RatesRecord = list[float]  # see `experiments.rate_likelihood.Rates`


class EffectRecord(TypedDict):
    """A difference of two models; see `experiments.effect.Effect`. None stands for infinity."""

    estimate: float
    variance: float
    n: int
    planned: float
    is_ready: bool
    degrees: float | None
    skewness: float
    rates: NotRequired[RatesRecord | None]
    size: NotRequired[int]


class UnitSumsRecord(TypedDict):
    """Totals of a unit's columns, and the upper triangle of the products of each two."""

    totals: list[float]
    products: list[float]


BlockRecord = list[int | None]  # see `experiments.propensity_strata.Block`


class CellsRecord(TypedDict):
    """See `experiments.share_cells.Cells`."""

    current: UnitSumsRecord
    ended: UnitSumsRecord
    by_share: dict[str, UnitSumsRecord]
    changing: dict[str, UnitSumsRecord]
    neighbours: NotRequired[list[float]]
    autocorrelation: NotRequired[list[float]]
    pairs: NotRequired[list[float]]


class TurnsRecord(TypedDict):
    """See `experiments.turns.Turns`."""

    excess: list[float]
    variance: list[float]


class PropensityStrataRecord(TypedDict):
    """See `experiments.propensity_strata.PropensityStrata`."""

    scores: CellsRecord
    measures: dict[str, CellsRecord]
    before: list[float]
    blocks: list[BlockRecord]
    sides: list[int]
    turns: TurnsRecord


class PlacesRecord(TypedDict):
    """See `experiments.time_trend.Places`."""

    count: int
    mean: float
    first: int
    last: int
    middle: float
    squares: float
    products: float


class SampleSharesRecord(TypedDict):
    """See `experiments.sample_shares.SampleShares`."""

    blocks: int
    total: int
    squares: int
    now: int
    second: int


class ComparisonRecord(TypedDict):
    """See `experiments.comparison.Comparison`."""

    strata: dict[str, PropensityStrataRecord]
    since: dict[str, PropensityStrataRecord]
    since_starts: list[int]
    pairs: int
    peaks: list[EffectRecord]
    looks: list[PlannedLookRecord]
    next_look: int
    trend: NotRequired[list[PlacesRecord]]
    samples: list[int]
    shares: NotRequired[SampleSharesRecord]


class StatisticsRecord(TypedDict):
    """`experiments.statistics`; see `experiments.sufficient_statistics.Statistics`."""

    arms: dict[Arm, ArmRecord]
    comparisons: dict[Arm, ComparisonRecord]
    origin: float | None
    covariate_origin: float | None
    looked_at: int
    late_outcomes: NotRequired[int]
    recorded: NotRequired[list[float]]
    origins: NotRequired[dict[str, float]]
    providers: NotRequired[dict[Arm, list[str]]]


class GuardrailStatus(TypedDict):
    """State of a guardrail; see `experiments.guardrails.GuardrailVerdict`."""

    name: str
    status: str
    model_a: float
    model_b: float
    low: float
    high: float


class StoredGuardrailStatus(TypedDict):
    """The same as JSON: None where a figure is unknown or infinite."""

    name: str
    status: str
    model_a: float | None
    model_b: float | None
    low: float | None
    high: float | None


class ExperimentResult(TypedDict):
    """`experiments.result`; see `experiments.ab_test_result.ABTestResult`. None where a figure is unknown."""

    test_id: str
    model_a: str
    model_b: str
    status: str
    total_samples: int
    model_a_accuracy: float | None
    model_b_accuracy: float | None
    accuracy_improvement: float | None
    model_a_avg_latency: float | None
    model_b_avg_latency: float | None
    latency_improvement: float | None
    model_a_cost_per_inference: float | None
    model_b_cost_per_inference: float | None
    cost_improvement: float | None
    statistical_significance: bool
    confidence_level: float
    started_at: str
    completed_at: str | None
    metadata: NotRequired[dict[str, Any]]  # the caller's own
    p_value: NotRequired[float | None]
    model_a_samples: NotRequired[int]
    model_b_samples: NotRequired[int]
    intervals: NotRequired[dict[str, list[float | None]]]
    design: NotRequired[str]
    effect: NotRequired[float | None]
    favours: NotRequired[int]
    samples_needed: NotRequired[float | None]
    is_over: NotRequired[bool]
    guardrails: NotRequired[list[StoredGuardrailStatus]]
    ratio_mismatch_p: NotRequired[float | None]
    withheld: NotRequired[str]
    score: NotRequired[str]
    margin: NotRequired[float]
    is_paired: NotRequired[bool]
    late_samples: NotRequired[int]
    model_a_open: NotRequired[int]
    model_b_open: NotRequired[int]
    changed: NotRequired[str]
    warnings: NotRequired[list[str]]
    arm: NotRequired[Arm]
    others: NotRequired[list[ExperimentResult]]
    versions: NotRequired[dict[Arm, str]]
