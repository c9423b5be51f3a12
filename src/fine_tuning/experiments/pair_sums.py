"""How skewed the differences of pairs are: of both models' figures of one question.

The figures of each model alone do not tell: where both depend on the question, the differences are of another size and
shape.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

_POWERS = [(i, j) for both in range(4) for i, j in ((both - j, j) for j in range(both + 1))]
ROUNDING = 1e-9  # of the spread of the figures, beyond which nothing is known of that of their differences


@dataclass
class PairSums:
    """Sums over pairs of the products a^i b^j of both models' figures, i + j up to 3, in the order of `_POWERS`."""

    sums: list[float] = field(default_factory=lambda: [0.0] * len(_POWERS))

    def add(self, first: float, second: float) -> None:
        """A pair: the figure of model_a and that of model_b, counted from the first ones of the test."""
        a, b = (1.0, first, first**2, first**3), (1.0, second, second**2, second**3)
        self.sums = [old + a[i] * b[j] for old, (i, j) in zip(self.sums, _POWERS, strict=True)]

    @property
    def count(self) -> float:
        """The number of pairs."""
        return self.sums[0]

    def skewness(self, factor: float = 1.0) -> float:
        """Of model_b's figure less `factor` times that of model_a; 0 where they do not vary."""
        if not self.count:
            return 0.0
        n, a, b, aa, ab, bb, aaa, aab, abb, bbb = self.sums
        mean = (b - factor * a) / n
        square = (bb - 2 * factor * ab + factor**2 * aa) / n
        cube = (bbb - 3 * factor * abb + 3 * factor**2 * aab - factor**3 * aaa) / n
        variance = square - mean**2
        if not variance > ROUNDING * (bb + factor**2 * aa) / n:
            return 0.0
        return float((cube - 3 * mean * square + 2 * mean**3) / variance**1.5)


def together(parts: Iterable[PairSums]) -> PairSums:
    """All pairs of several sums."""
    found = PairSums()
    for each in parts:
        found.sums = [mine + its for mine, its in zip(found.sums, each.sums, strict=True)]
    return found
