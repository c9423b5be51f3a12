"""Quantiles of latencies from a histogram, and how far they may be off."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log, nan, sqrt

GROWTH = log(1.02)  # each bucket ends 2 % above the one before


@dataclass
class Histogram:
    """Counts of amounts, in buckets 2 % wide."""

    buckets: dict[str, int] = field(default_factory=dict)

    def add(self, value: float) -> None:
        """Add an amount of 0 or more."""
        bucket = str(round(log(max(value, 1e-6)) / GROWTH))
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def quantile(self, share: float) -> float:
        """The amount that this share of all is at or below; nan of nothing, and beyond 0 or 1 the end of the scale."""
        total = sum(self.buckets.values())
        if not total:
            return nan
        if share >= 1:
            return float("inf")
        target, seen = max(0.0, share) * total, 0
        for bucket in sorted(self.buckets, key=int):
            seen += self.buckets[bucket]
            if seen >= target:
                return exp(int(bucket) * GROWTH)
        return float("inf")

    @property
    def count(self) -> int:
        """Number of amounts."""
        return sum(self.buckets.values())


def quantile_slack(share: float, count: int, alpha: float) -> float:
    """Half width, in rank (0 to 1), of the confidence sequence of a quantile.

    f = 1.5 sqrt(p (1 - p) l) + 0.8 l, l = (1.4 ln ln(2.1 n) + ln(10 / alpha)) / n. Source: Howard, Ramdas, "Sequential
    estimation of quantiles with applications to A/B testing and best-arm identification", Bernoulli 28 (2022), eq. 8.
    """
    if count < 1:
        return 1.0
    level = (1.4 * log(log(2.1 * count) or 1e-9) if count > 1 else 0.0) + log(10 / alpha)
    level /= count
    return 1.5 * sqrt(share * (1 - share) * level) + 0.8 * level
