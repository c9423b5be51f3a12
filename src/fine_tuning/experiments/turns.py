"""Whether the models were assigned at random within a block of time, or in turns of several units of one model.

In turns (all of one model, then all of the other) or in short cycles of the share, scores that change along with the
turns are a difference between equal models, which no comparison within the block takes away. Two statistics tell turns
from a random order with the same numbers of each model; both depend on the assignment alone, never on scores. The
squared differences of both halves of stretches of several sizes, as in an analysis of variance by Haar wavelets, with
their moments by the hypergeometric distribution; and the number of runs (Wald, Wolfowitz, "On a test whether two
samples are from the same population", Annals of Mathematical Statistics 11, 1940).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import comb, sqrt
from typing import NamedTuple

from fine_tuning.store.records.experiment_json import TurnsRecord

SIZES = (4, 8, 16, 32)  # of the stretches, in units; the last one is a whole block
OFFSETS = [(size, start) for size in SIZES for start in (0, size // 2) if start + size <= SIZES[-1]]
MOST = 4.0  # of a squared difference, in units of its variance: the one stretch in which a share jumps is no turn
MOST_RUNS = 3.0  # standard deviations by which the runs of one block are too few
LIMIT = 4.0  # standard deviations of the sum of squared differences, which is skewed
LIMIT_OF_RUNS = 3.3  # the same of the runs; together about one false alarm in 1,000 looks
FEW_BLOCKS, LIMIT_OF_FEW, RUNS_OF_FEW = 12, 3.5, 2.5  # so many cannot show more, and a verdict on them can wait
MIN_UNITS = 16  # of a block that lasts


class _Surplus(NamedTuple):
    """By how much a statistic exceeds that of a random order, and the variance of that."""

    excess: float
    variance: float


@dataclass
class Turns:
    """The sums of all blocks: of the stretches by size and offset, and last of the runs."""

    excess: list[float] = field(default_factory=lambda: [0.0] * (len(OFFSETS) + 1))
    variance: list[float] = field(default_factory=lambda: [0.0] * (len(OFFSETS) + 1))

    def add(self, sides: Sequence[int]) -> None:
        """Count a block: the model (0 or 1) of each unit, in the order in which they began."""
        for place, found in _surpluses(sides):
            self.excess[place] += found.excess
            self.variance[place] += found.variance

    def are_found(self, sides: Sequence[int]) -> bool:
        """Whether the order is not random; sides: of the block that lasts, as far as it is known."""
        now = Turns([*self.excess], [*self.variance])
        if len(sides) >= MIN_UNITS:
            now.add(sides)
        are_few = now.variance[-1] <= FEW_BLOCKS
        limits = [LIMIT_OF_FEW if are_few else LIMIT] * len(OFFSETS) + [RUNS_OF_FEW if are_few else LIMIT_OF_RUNS]
        return any(
            excess > limit * sqrt(variance)
            for excess, variance, limit in zip(now.excess, now.variance, limits, strict=True)
        )

    def as_dict(self) -> TurnsRecord:
        """The sums as plain JSON values."""
        return {"excess": self.excess, "variance": self.variance}

    @classmethod
    def of(cls, state: TurnsRecord) -> Turns:
        """Sums as `as_dict` gave them."""
        return cls([*state["excess"]], [*state["variance"]])


def _surpluses(sides: Sequence[int]) -> Iterator[tuple[int, _Surplus]]:
    """Those of a block, each with its place."""
    for place, (size, offset) in enumerate(OFFSETS):
        for start in range(offset, len(sides) - size + 1, size):
            first = sum(sides[start : start + size // 2])
            both = sum(sides[start : start + size])
            mean, variance = _expected(size, both)
            if variance > 0:
                yield place, _Surplus(_square(size, both, first) - mean, variance)
    size, second = len(sides), sum(sides)
    products = 2 * second * (size - second)
    variance = products * (products - size) / (size**2 * (size - 1)) if size > 1 else 0.0
    if variance > 0:
        runs = 1 + sum(before != after for before, after in pairwise(sides))
        yield len(OFFSETS), _Surplus(min(MOST_RUNS, (1 + products / size - runs) / sqrt(variance)), 1.0)


def _square(size: int, both: int, first: int) -> float:
    """The squared difference of the halves in units of its variance, at most `MOST`.

    Args:
        both, first: number of units of the second model in the stretch and in its first half.
    """
    return min(MOST, (2 * first - both) ** 2 * (size - 1) / (both * (size - both)))


@lru_cache(maxsize=256)
def _expected(size: int, both: int) -> tuple[float, float]:
    """Mean and variance of the squared difference in a random order; of one model alone there is none."""
    if both in (0, size):
        return 0.0, 0.0
    half = size // 2
    chances = {
        first: comb(half, first) * comb(half, both - first) / comb(size, both)
        for first in range(max(0, both - half), min(half, both) + 1)
    }
    mean = sum(chance * _square(size, both, first) for first, chance in chances.items())
    squares = sum(chance * (_square(size, both, first) - mean) ** 2 for first, chance in chances.items())
    return mean, squares if squares > 1e-12 else 0.0
