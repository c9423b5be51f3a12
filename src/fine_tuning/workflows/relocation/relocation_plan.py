"""What is asked of a relocation, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import metrics

LOCAL = "local"
NOT_WORSE, WORSE, UNDECIDED, UNKNOWN = "not worse", "worse", "undecided", "unknown"


@dataclass(frozen=True)
class Plan:
    """What is moved, and where to.

    Attributes:
        model: a registered model's name: its deployed version is replaced, else the latest that no relocation made;
            or `<name>-v<version>`.
        base_model: that is trained instead.
        provider: "local", or the address of a host that speaks OpenAI's API.
        metric, margin: the new model counts as not worse where its score is shown to be at most so much lower.
        test_file: questions and answers to compare by; the job's validation file by default.
        n_epochs, hyperparameters: of the training.
        max_answer_tokens: longest answer.
    """

    model: str
    base_model: str
    provider: str = LOCAL
    metric: str = "exact_match"
    margin: float = 0.05
    test_file: Path | None = None
    n_epochs: int = 3
    hyperparameters: Mapping[str, Any] | None = None
    max_answer_tokens: int = 256

    def __post_init__(self) -> None:
        checks.name("base_model", self.base_model)
        checks.count("n_epochs", self.n_epochs, 1)
        checks.count("max_answer_tokens", self.max_answer_tokens, 1)
        metrics.check(checks.name("metric", self.metric))
        found = metrics.find(self.metric)
        if found.corpus or found.bounds is None or not found.higher_is_better or self.metric == "judge":
            raise UsageError(f"{self.metric} is no metric of single answers; use exact_match, token_f1 or another")
        margin = checks.amount("margin", self.margin)
        if margin is None or margin >= found.bounds[1] - found.bounds[0]:
            raise UsageError(f"margin must be between 0 and {found.bounds[1] - found.bounds[0]:g}, not {self.margin}")


@dataclass(frozen=True)
class Failures:
    """Questions that a version did not answer: how many, of how many, and the first error."""

    count: int
    of: int
    first: str


@dataclass
class Outcome:
    """What became of a relocation; unknown is nan.

    Attributes:
        old, new: `<name>-v<version>`.
        verdict: not worse, worse, undecided, or unknown where the old model does not answer any more.
        difference, low, high: of the new score over the old one, with its 95 % interval; examples: of both.
        scores, latency_ms, cost: of old and new: mean scores (over the examples of both, where there are any),
            milliseconds and US dollars a call.
        held_out: whether the old model has seen the test questions in its training, which favours it.
        failures: by version, where there are any; the same relocation asks these questions again.
    """

    old: str
    new: str
    job_id: str
    evaluations: dict[str, int]
    verdict: str
    difference: float
    low: float
    high: float
    examples: int
    scores: tuple[float, float]
    latency_ms: tuple[float, float]
    cost: tuple[float, float]
    held_out: bool
    reason: str = ""
    failures: dict[str, Failures] = field(default_factory=dict)


def verdict(low: float, high: float, margin: float) -> str:
    """By the 95 % interval of the difference, whose ends are each wrong at a rate of 2.5 %."""
    if isnan(low) or isnan(high):
        return UNKNOWN
    return NOT_WORSE if low >= -margin else WORSE if high < -margin else UNDECIDED
