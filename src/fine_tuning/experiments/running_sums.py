"""Running sums: what a verdict needs of any number of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log, nan, sqrt
from typing import Any

from fine_tuning.experiments.betting_intervals import Wealth
from fine_tuning.experiments.confidence_sequences import discordant_pair_log_e_value

GROWTH = log(1.02)  # each bucket of a histogram ends 2 % above the one before


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
        """Take one more value in."""
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
class Covaried:
    """Scores with a figure known before the call, such as the prompt's length: what both have in common."""

    count: int = 0
    mean_x: float = 0.0
    mean_y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    def add(self, x: float, y: float) -> None:
        """Take one more pair in."""
        self.count += 1
        apart_x, apart_y = x - self.mean_x, y - self.mean_y
        self.mean_x += apart_x / self.count
        self.mean_y += apart_y / self.count
        self.xx += apart_x * (x - self.mean_x)
        self.xy += apart_x * (y - self.mean_y)
        self.yy += apart_y * (y - self.mean_y)


@dataclass
class Clusters:
    """Sums over clusters (such as users) of their scores s and sizes n."""

    count: int = 0
    s_squared: float = 0.0
    s_n: float = 0.0
    n_squared: float = 0.0

    def grow(self, size: int, total: float, score: float) -> None:
        """A cluster that had `size` scores of `total` in all gets one more."""
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
class Pairs:
    """Scores of both models that belong together.

    Attributes:
        differences: of model_b's score over model_a's.
        wins, losses: pairs in which model_b (model_a) alone has the better score.
        log_e: ln of the most evidence there was against "equally often", see `discordant_pair_log_e_value`.
        favours: 1 where that evidence speaks for model_b, -1 for model_a, 0 for none.
        wealth: of bets on the differences, where scores are bounded; bets_favour: as `favours`, of their evidence.
    """

    differences: Moments = field(default_factory=Moments)
    wins: int = 0
    losses: int = 0
    log_e: float = 0.0
    favours: int = 0
    wealth: Wealth | None = None
    bets_favour: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The pairs as plain JSON values."""
        return vars(self) | {"differences": vars(self.differences), "wealth": self.wealth and self.wealth.as_dict()}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Pairs:
        """Pairs as `as_dict` gave them."""
        wealth = Wealth.of(state["wealth"]) if state.get("wealth") else None
        return cls(**{**state, "differences": Moments(**state["differences"]), "wealth": wealth})

    def bet(self, alpha: float, spread: float, difference: float) -> None:
        """Take the difference of a pair of bounded scores, which lie up to `spread` apart, in."""
        self.wealth = self.wealth or Wealth(alpha)
        before = self.wealth.log_e_value(0.5)
        self.wealth.bet((difference / spread + 1) / 2)
        if self.wealth.log_e_value(0.5) > before:
            self.bets_favour = 1 if self.differences.mean > 0 else -1

    def add(self, a: float, b: float) -> None:
        """Take one more pair in."""
        self.differences.add(b - a)
        if a == b:
            return
        self.wins += b > a
        self.losses += a > b
        log_e = discordant_pair_log_e_value(self.wins, self.losses)
        if log_e > self.log_e:
            self.log_e, self.favours = log_e, 1 if self.wins > self.losses else -1


@dataclass
class Histogram:
    """How often which amounts were seen, to 2 %."""

    buckets: dict[str, int] = field(default_factory=dict)

    def add(self, value: float) -> None:
        """Take one more amount of 0 or more in."""
        bucket = str(round(log(max(value, 1e-6)) / GROWTH))
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def quantile(self, share: float) -> float:
        """The amount that this share of all is at or below; nan of nothing, and beyond 0 or 1 the end of the scale."""
        total = sum(self.buckets.values())
        if not total:
            return nan
        if share >= 1:
            return float("inf")
        wanted, seen = max(0.0, share) * total, 0
        for bucket in sorted(self.buckets, key=int):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return exp(int(bucket) * GROWTH)
        return float("inf")

    @property
    def count(self) -> int:
        """How many amounts there were."""
        return sum(self.buckets.values())


def quantile_slack(share: float, count: int, alpha: float) -> float:
    """How far, in rank (0 to 1), the confidence sequence of a quantile reaches on either side at any sample size.

    f = 1.5 sqrt(p (1 - p) l) + 0.8 l, l = (1.4 ln ln(2.1 n) + ln(10 / alpha)) / n. Source: Howard, Ramdas, "Sequential
    estimation of quantiles with applications to A/B testing and best-arm identification", Bernoulli 28 (2022), eq. 8.
    """
    if count < 1:
        return 1.0
    level = (1.4 * log(log(2.1 * count) or 1e-9) if count > 1 else 0.0) + log(10 / alpha)
    level /= count
    return 1.5 * sqrt(share * (1 - share) * level) + 0.8 * level


@dataclass
class Arm:
    """All samples of one model.

    Attributes:
        samples: of any kind, also calls that failed.
        scores: of the answers that were scored.
        measures: latency (milliseconds), cost (US dollars), errors (0 or 1), and others by name; by_cluster: their
            sums over clusters.
    """

    samples: int = 0
    scores: Moments = field(default_factory=Moments)
    measures: dict[str, Moments] = field(default_factory=dict)
    latencies: Histogram = field(default_factory=Histogram)
    covaried: Covaried = field(default_factory=Covaried)
    clusters: Clusters = field(default_factory=Clusters)
    by_cluster: dict[str, Clusters] = field(default_factory=dict)

    def measure_clusters(self, name: str) -> Clusters:
        """The sums over clusters of a measure, also of one that nothing is known of yet."""
        return self.by_cluster.get(name) or self.by_cluster.setdefault(name, Clusters())

    def measure(self, name: str) -> Moments:
        """The moments of a measure, also of one that nothing is known of yet."""
        return self.measures.get(name) or self.measures.setdefault(name, Moments())

    def as_dict(self) -> dict[str, Any]:
        """The arm as plain JSON values."""
        return {
            "samples": self.samples,
            "scores": vars(self.scores),
            "measures": {name: vars(each) for name, each in self.measures.items()},
            "latencies": vars(self.latencies),
            "covaried": vars(self.covaried),
            "clusters": vars(self.clusters),
            "by_cluster": {name: vars(each) for name, each in self.by_cluster.items()},
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Arm:
        """An arm as `as_dict` gave it."""
        return cls(
            state["samples"],
            Moments(**state["scores"]),
            {name: Moments(**each) for name, each in state["measures"].items()},
            Histogram(dict(state["latencies"]["buckets"])),
            Covaried(**state["covaried"]),
            Clusters(**state["clusters"]),
            {name: Clusters(**each) for name, each in state.get("by_cluster", {}).items()},
        )
