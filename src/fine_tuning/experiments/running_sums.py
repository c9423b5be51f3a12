"""Running sums of scores and measures, from which verdicts are computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import cast

from fine_tuning.costs import priced_share
from fine_tuning.experiments.latency_histogram import Histogram
from fine_tuning.store.records.experiment_json import ArmRecord


@dataclass
class Moments:
    """Count, total, and sums of squared and cubed distances from the mean, updated so that no digits are lost.

    Source: Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962);
    for the cubes Terriberry, "Computing higher-order moments online" (2007).
    """

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    cubes: float = 0.0

    def add(self, value: float) -> None:
        """Add a value."""
        apart = value - self.mean
        self.count += 1
        self.total += value
        share = apart / self.count
        added = apart * share * (self.count - 1)
        self.cubes += added * share * (self.count - 2) - 3 * share * self.squares
        self.squares += added

    @property
    def mean(self) -> float:
        """The mean; 0 of nothing, for sums."""
        return self.total / self.count if self.count else 0.0

    @property
    def average(self) -> float:
        """The mean; nan of nothing."""
        return self.mean if self.count else nan

    @property
    def variance(self) -> float:
        """Unbiased; nan of fewer than two values."""
        return self.squares / (self.count - 1) if self.count > 1 else nan


@dataclass
class Clusters:
    """Sums over clusters (such as users) of their scores s and sizes n."""

    count: int = 0
    s_squared: float = 0.0
    s_n: float = 0.0
    n_squared: float = 0.0

    def grow(self, size: int, total: float, score: float) -> None:
        """Add a score to a cluster that had `size` scores of `total` in all."""
        self.count += size == 0
        self.s_squared += (total + score) ** 2 - total**2
        self.s_n += (total + score) * (size + 1) - total * size
        self.n_squared += (size + 1) ** 2 - size**2

    def variance_of_mean(self, samples: int, mean: float) -> float:
        """Of the mean over all samples, where those of a cluster may be alike; nan of fewer than two clusters.

        The delta method for a ratio of sums: C / (C - 1) sum (s - mean n)^2 / N^2 (Deng, Lu, Litz, "Trustworthy
        analysis of online A/B tests", WSDM 2017).
        """
        if self.count < 2:
            return nan
        spread = self.s_squared - 2 * mean * self.s_n + mean**2 * self.n_squared
        return max(0.0, spread) * self.count / (self.count - 1) / samples**2


@dataclass
class ArmSums:
    """All samples of one model.

    Attributes:
        samples: number of calls, failed ones included.
        scores: of the answers that were scored.
        measures: latency (milliseconds), cost (US dollars), errors (0 or 1), and others by name; by_cluster: their
            sums over clusters.
    """

    samples: int = 0
    scores: Moments = field(default_factory=Moments)
    measures: dict[str, Moments] = field(default_factory=dict)
    latencies: Histogram = field(default_factory=Histogram)
    by_cluster: dict[str, Clusters] = field(default_factory=dict)

    @property
    def open_samples(self) -> int:
        """The number of calls whose outcome is not known yet; a failed call has none to wait for."""
        return max(0, self.answered - self.scores.count)

    @property
    def answered(self) -> int:
        """The number of calls that did not fail."""
        return self.samples - round(self.measure("errors").total)

    @property
    def has_price(self) -> bool:
        """Whether enough calls have a known cost to take their mean for all."""
        return priced_share.is_enough(self.measure("cost").count, self.answered)

    def measure_clusters(self, name: str) -> Clusters:
        """The sums over clusters of a measure, empty for one without values."""
        return self.by_cluster.get(name) or self.by_cluster.setdefault(name, Clusters())

    def measure(self, name: str) -> Moments:
        """The moments of a measure, empty for one without values."""
        return self.measures.get(name) or self.measures.setdefault(name, Moments())

    def as_dict(self) -> ArmRecord:
        """The arm as plain JSON values."""
        record = {
            "samples": self.samples,
            "scores": vars(self.scores),
            "measures": {name: vars(each) for name, each in self.measures.items()},
            "latencies": vars(self.latencies),
            "by_cluster": {name: vars(each) for name, each in self.by_cluster.items()},
        }
        return cast("ArmRecord", record)

    @classmethod
    def of(cls, state: ArmRecord) -> ArmSums:
        """An arm as `as_dict` gave it."""
        return cls(
            state["samples"],
            Moments(**state["scores"]),
            {name: Moments(**each) for name, each in state["measures"].items()},
            Histogram(dict(state["latencies"]["buckets"])),
            {name: Clusters(**each) for name, each in state.get("by_cluster", {}).items()},
        )
