"""The plan and the outcome of a relocation."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import metrics
from fine_tuning.store.records.rows import JsonColumn

LOCAL = "local"
NOT_WORSE, WORSE, UNDECIDED, UNKNOWN = "not worse", "worse", "undecided", "unknown"


@dataclass(frozen=True)
class Plan:
    """Which model to train again, and on which base.

    Attributes:
        model: a registered model's name: its deployed version is replaced, else the latest that no relocation made;
            or `<name>-v<version>`.
        base_model: the base to train instead.
        provider: "local", or the address of a host that speaks OpenAI's API.
        metric, margin: the new model is not worse if its score is shown to be lower by at most the margin.
        test_file: prompts and references to compare on; the job's validation file by default.
        n_epochs, hyperparameters: of the training.
        max_answer_tokens: limit of each answer, tokens.
    """

    model: str
    base_model: str
    provider: str = LOCAL
    metric: str = "exact_match"
    margin: float = 0.05
    test_file: Path | None = None
    n_epochs: int = 3
    hyperparameters: JsonColumn | None = None
    max_answer_tokens: int = 256

    def __post_init__(self) -> None:
        checks.name("base_model", self.base_model)
        checks.count("n_epochs", self.n_epochs, 1)
        checks.count("max_answer_tokens", self.max_answer_tokens, 1)
        metrics.check(checks.name("metric", self.metric))
        found = metrics.find(self.metric)
        if found.corpus or found.bounds is None or not found.higher_is_better or self.metric == "judge":
            raise UsageError(f"{self.metric} does not score single answers; use exact_match, token_f1 or another")
        margin = checks.amount("margin", self.margin)
        if margin is None or margin >= found.bounds[1] - found.bounds[0]:
            raise UsageError(f"margin must be between 0 and {found.bounds[1] - found.bounds[0]:g}, not {self.margin}")


@dataclass(frozen=True)
class Failures:
    """Questions without an answer of a version: how many, of how many, and the first error."""

    count: int
    of: int
    first: str


@dataclass
class Outcome:
    """The outcome of a relocation; unknown is nan.

    Attributes:
        old, new: `<name>-v<version>`.
        verdict: not worse, worse, undecided, or unknown where the old model no longer answers.
        difference, low, high: new score minus old score, with its 95 % interval; examples: number that both answered.
        scores, latency_ms, cost: of old and new: mean scores (over the examples of both, where there are any),
            milliseconds, and US dollars per call.
        held_out: whether the test questions are from the old model's training data, which favours it.
        reason: why there is no verdict.
        failures: by version, where there are any; the same relocation asks these questions again.
    """

    old: str
    new: str
    job_id: str
    evaluations: dict[str, int]
    verdict: str = UNKNOWN
    difference: float = nan
    low: float = nan
    high: float = nan
    examples: int = 0
    scores: tuple[float, float] = (nan, nan)
    latency_ms: tuple[float, float] = (nan, nan)
    cost: tuple[float, float] = (nan, nan)
    held_out: bool = False
    reason: str = ""
    failures: dict[str, Failures] = field(default_factory=dict)


def verdict(low: float, high: float, margin: float) -> str:
    """The verdict by the 95 % interval of the difference; each bound is wrong at a rate of 2.5 %."""
    if isnan(low) or isnan(high):
        return UNKNOWN
    return NOT_WORSE if low >= -margin else WORSE if high < -margin else UNDECIDED
