"""Samples stratified by the share of the traffic that the second model had at the time.

Where the share changes while questions get easier, the plain difference of means shows a difference between equal
models. Among samples of equal share it does not, whenever they came: stratification by the propensity score (Rosenbaum,
Rubin, "The central role of the propensity score in observational studies for causal effects", Biometrika 70, 1983),
here the observed share in a block of time. Blocks and their shares depend on the assignment alone, never on scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import asin, pi, sqrt

from scipy.special import gammaincc

from fine_tuning.experiments.unit_sums import UnitSums, summed
from fine_tuning.store.records.experiment_json import BlockRecord, PropensityStrataRecord

SCORES_PER_BLOCK = 40  # of both models in a block of time
MAX_BLOCKS = 200  # whose shares are kept for units that come back; then every second is taken for the one before
MIN_SCORES_OF_EACH = 10  # in a stratum
SHARES = 16  # strata, evenly spaced by the arcsine of the share's root, on which shares vary alike
DRIFT = 1e-6  # p-value (chi-squared) of equal shares in all blocks, below which they are said to drift
Starts = tuple[int, int]


@dataclass
class Block:
    """A block of time: the numbers of scores of each model before it, and its share (None while it lasts)."""

    starts: Starts
    share: int | None = None


@dataclass
class PropensityStrata:
    """The sums of units by the share in the block in which they began.

    Attributes:
        current: of the block that lasts; by_share: of those before, by number of the share.
        blocks: oldest first; neighbours of equal share are one.
    """

    current: UnitSums = field(default_factory=UnitSums)
    by_share: dict[int, UnitSums] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def of_unit(self, began: Sequence[tuple[int, int]]) -> UnitSums:
        """The sums that have a unit whose first scores of a model (0 or 1) have these numbers."""
        places = [self._place(side, ordinal) for side, ordinal in began]
        share = self.blocks[min(places)].share
        return self.current if share is None else self.by_share[share]

    def _place(self, side: int, ordinal: int) -> int:
        last = len(self.blocks) - 1
        return next((place for place in range(last, 0, -1) if self.blocks[place].starts[side] < ordinal), 0)

    def of_new_unit(self, scores: Starts) -> UnitSums:
        """The sums for a unit that begins now, after so many scores of each model."""
        totals = self.current.totals
        if totals[0] + totals[3] >= SCORES_PER_BLOCK:
            self._end_block()
        if not self.blocks or self.blocks[-1].share is not None:
            self.blocks.append(Block(scores))
        return self.current

    def _end_block(self) -> None:
        share = share_number(self.current)
        self.by_share.setdefault(share, UnitSums()).add(self.current)
        self.current = UnitSums()
        self.blocks[-1].share = share
        if len(self.blocks) > 1 and self.blocks[-2].share == share:
            self.blocks.pop()
        if len(self.blocks) > MAX_BLOCKS:
            del self.blocks[1::2]

    def cells(self) -> list[UnitSums]:
        """The sums to compare within: neighbouring shares together until there are enough scores of each model.

        Times in which one model had all the traffic are left out, unless that is most of the scores of both: where all
        answers of one model came first, and then all of the other.
        """
        cells: list[UnitSums] = []
        rest, alone = UnitSums(), UnitSums()
        for sums in self._by_share().values():
            if 0 in sums.counts and sum(sums.counts) >= SCORES_PER_BLOCK:
                alone.add(sums)
                continue
            rest.add(sums)
            if min(rest.counts) >= MIN_SCORES_OF_EACH:
                cells.append(rest)
                rest = UnitSums()
        shared = summed([*cells, rest])
        everything = summed([shared, alone])
        if not any(2 * some >= every > 0 for some, every in zip(shared.counts, everything.counts, strict=True)):
            return [everything]
        return [*cells[:-1], summed([*cells[-1:], rest])]

    def _by_share(self) -> dict[int, UnitSums]:
        """With the block that lasts, lowest share first."""
        if not sum(self.current.counts):
            found = self.by_share
        else:
            share = share_number(self.current)
            same = self.by_share.get(share)
            found = self.by_share | {share: self.current if same is None else summed([same, self.current])}
        return dict(sorted(found.items()))

    @property
    def has_drift(self) -> bool:
        """Whether the shares of the models have changed over time."""
        counts = [sums.counts for sums in self._by_share().values()]
        first, second = (sum(each[side] for each in counts) for side in (0, 1))
        blocks = (first + second) / SCORES_PER_BLOCK
        if blocks <= 1 or not first or not second:
            return False
        share = second / (first + second)
        squares = sum((b - (a + b) * share) ** 2 / ((a + b) * share * (1 - share)) for a, b in counts if a + b)
        return bool(gammaincc((blocks - 1) / 2, squares / 2) < DRIFT)  # nearly all that varies does between the shares

    def as_dict(self) -> PropensityStrataRecord:
        """The state as plain JSON values."""
        return {
            "current": self.current.as_dict(),
            "by_share": {str(share): sums.as_dict() for share, sums in self.by_share.items()},
            "blocks": [[*block.starts, block.share] for block in self.blocks],
        }

    @classmethod
    def of(cls, state: PropensityStrataRecord) -> PropensityStrata:
        """A state as `as_dict` gave it."""
        by_share = {int(share): UnitSums.of(sums) for share, sums in state["by_share"].items()}
        return cls(UnitSums.of(state["current"]), by_share, [_block(each) for each in state["blocks"]])


def share_number(sums: UnitSums) -> int:
    """The number of the second model's share, 0 to `SHARES`."""
    a, b = sums.counts
    return round(2 / pi * asin(sqrt(b / (a + b))) * SHARES)


def _block(record: BlockRecord) -> Block:
    first, second, share = record
    return Block((first or 0, second or 0), share)
