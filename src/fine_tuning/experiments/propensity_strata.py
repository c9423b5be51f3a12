"""Samples stratified by the share of the traffic that the second model had at the time.

Where the share changes while questions get easier, the plain difference of means shows a difference between equal
models. Among samples of equal share it does not, whenever they came: stratification by the propensity score (Rosenbaum,
Rubin, "The central role of the propensity score in observational studies for causal effects", Biometrika 70, 1983),
here the observed share in a block of time. Blocks and their shares depend on the assignment alone, never on scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import asin, pi, sqrt

from scipy.special import gammaincc

from fine_tuning.experiments.unit_sums import UnitSums, summed
from fine_tuning.store.records.experiment_json import BlockRecord, PropensityStrataRecord, UnitSumsRecord

SCORES_PER_BLOCK = 40  # of both models in a block of time
MAX_BLOCKS = 200  # whose shares are kept for units that come back; then every second is taken for the one before
MIN_SCORES_OF_EACH = 10  # in a stratum
SHARES = 16  # strata, evenly spaced by the arcsine of the share's root, on which shares vary alike
DRIFT = 1e-6  # p-value (chi-squared) of equal shares in all blocks, below which they are said to drift
MAY_DRIFT = 0.05  # below which blocks in which the share changes are left out
MIN_SCORES = 10 * SCORES_PER_BLOCK  # of which some blocks can be left out
CHANGE = 1.5  # standard errors between the shares of the blocks before and after one in which it changes
Starts = tuple[int, int]
ByShare = dict[int, UnitSums]


@dataclass
class Block:
    """A block of time: how many scores each model had before it, the number of its share, and whether that changes.

    The share of the last two blocks is None: one lasts, of the other the next one must be known.
    """

    starts: Starts
    share: int | None = None
    is_changing: bool = False


@dataclass
class PropensityStrata:
    """The sums of units by the share in the block in which they began.

    Attributes:
        current: of the block that lasts; ended: of the one before it.
        by_share: of those before that, by number of the share; changing: of those of them in which it changes.
        before: the numbers of scores in the last of those.
        blocks: oldest first; neighbours of equal share are one.
    """

    current: UnitSums = field(default_factory=UnitSums)
    ended: UnitSums = field(default_factory=UnitSums)
    by_share: ByShare = field(default_factory=dict)
    changing: ByShare = field(default_factory=dict)
    before: tuple[float, float] = (0.0, 0.0)
    blocks: list[Block] = field(default_factory=list)

    def of_unit(self, began: Sequence[tuple[int, int]]) -> UnitSums:
        """The sums that have a unit whose first scores of a model (0 or 1) have these numbers."""
        block = self.blocks[place := min(self._place(side, ordinal) for side, ordinal in began)]
        if block.share is None:
            return self.current if place == len(self.blocks) - 1 else self.ended
        return (self.changing if block.is_changing else self.by_share)[block.share]

    def _place(self, side: int, ordinal: int) -> int:
        last = len(self.blocks) - 1
        return next((place for place in range(last, 0, -1) if self.blocks[place].starts[side] < ordinal), 0)

    def of_new_unit(self, scores: Starts) -> UnitSums:
        """The sums for a unit that begins now, after so many scores of each model."""
        totals = self.current.totals
        if not self.blocks or self.blocks[-1].share is not None:
            self.blocks.append(Block(scores))
        elif totals[0] + totals[3] >= SCORES_PER_BLOCK:
            if len(self.blocks) > 1 and self.blocks[-2].share is None:
                self._place_ended()
            self.ended, self.current = self.current, UnitSums()
            self.blocks.append(Block(scores))
        return self.current

    def _place_ended(self) -> None:
        """Put the block before the current one among those of its share, now that the blocks around it are known."""
        *earlier, block, _ = self.blocks
        block.share = share_number(self.ended)
        block.is_changing = _differ(self.before, self.current.counts)
        alike = self.changing if block.is_changing else self.by_share
        alike.setdefault(block.share, UnitSums()).add(self.ended)
        self.before = self.ended.counts
        if earlier and (earlier[-1].share, earlier[-1].is_changing) == (block.share, block.is_changing):
            del self.blocks[-2]
        if len(self.blocks) > MAX_BLOCKS:
            del self.blocks[1:-2:2]

    def cells(self) -> list[UnitSums]:
        """The sums to compare within: neighbouring shares together until there are enough scores of each model.

        Times in which one model had all the traffic are left out, unless that is most of the scores of both: where all
        answers of one model came first, and then all of the other. So are, where shares change, the blocks in which
        they do: within them, the models' samples are not of the same time.
        """
        by_share = self._by_share()
        everything = summed([*by_share.values()])
        if self.are_apart:
            return [everything]
        may_leave_out = sum(everything.counts) >= MIN_SCORES and self._p_value(by_share) < MAY_DRIFT
        compared = self.by_share if may_leave_out else by_share
        shared = [compared[share] for share in sorted(compared) if not _is_alone(compared[share])]
        return _merged(shared) if _are_most(shared, everything, any) else []

    @property
    def are_apart(self) -> bool:
        """Whether most scores of both models came while the other had no traffic."""
        by_share = self._by_share().values()
        return _are_most([sums for sums in by_share if _is_alone(sums)], summed([*by_share]), all)

    def everything(self) -> UnitSums:
        """The sums of all samples."""
        return summed([*self._by_share().values()])

    def _by_share(self) -> ByShare:
        """All samples."""
        found: dict[int, list[UnitSums]] = {}
        for share, sums in (*self.by_share.items(), *self.changing.items()):
            found.setdefault(share, []).append(sums)
        for sums in (self.ended, self.current):
            if sum(sums.counts):
                found.setdefault(share_number(sums), []).append(sums)
        return {share: found[share][0] if len(found[share]) == 1 else summed(found[share]) for share in found}

    @property
    def has_drift(self) -> bool:
        """Whether the shares of the models have changed over time."""
        return self._p_value(self._by_share()) < DRIFT

    @staticmethod
    def _p_value(by_share: ByShare) -> float:
        """Of equal shares in all blocks."""
        counts = [sums.counts for sums in by_share.values()]
        blocks = sum(map(sum, counts)) / SCORES_PER_BLOCK
        return equal_shares_p(counts, blocks - 1)  # nearly all that varies does between the shares

    def as_dict(self) -> PropensityStrataRecord:
        """The state as plain JSON values."""
        return {
            "current": self.current.as_dict(),
            "ended": self.ended.as_dict(),
            "by_share": {str(share): sums.as_dict() for share, sums in self.by_share.items()},
            "changing": {str(share): sums.as_dict() for share, sums in self.changing.items()},
            "before": list(self.before),
            "blocks": [[*block.starts, block.share, block.is_changing] for block in self.blocks],
        }

    @classmethod
    def of(cls, state: PropensityStrataRecord) -> PropensityStrata:
        """A state as `as_dict` gave it."""
        first, second = state.get("before", (0.0, 0.0))
        return cls(
            UnitSums.of(state["current"]),
            UnitSums.of(state["ended"]) if "ended" in state else UnitSums(),
            _sums(state["by_share"]),
            _sums(state.get("changing", {})),
            (first, second),
            [_block(each) for each in state["blocks"]],
        )


def _is_alone(sums: UnitSums) -> bool:
    """Whether one model had all the traffic."""
    return 0 in sums.counts and sum(sums.counts) >= SCORES_PER_BLOCK


def _are_most(some: Sequence[UnitSums], everything: UnitSums, of: Callable[[Iterable[bool]], bool]) -> bool:
    """Whether these have half of the scores, `of` any or all of both models."""
    return of(2 * part >= whole > 0 for part, whole in zip(summed(some).counts, everything.counts, strict=True))


def _merged(by_share: Iterable[UnitSums]) -> list[UnitSums]:
    """Neighbours together until there are enough scores of each model."""
    cells: list[UnitSums] = []
    rest = UnitSums()
    for sums in by_share:
        rest = summed([rest, sums])
        if min(rest.counts) >= MIN_SCORES_OF_EACH:
            cells.append(rest)
            rest = UnitSums()
    return [*cells[:-1], summed([*cells[-1:], rest])]


def _differ(before: tuple[float, float], after: tuple[float, float]) -> bool:
    """Whether the shares of two blocks do, by `CHANGE`."""
    first, second = sum(before), sum(after)
    if not first or not second:
        return False
    share = (before[1] + after[1]) / (first + second)
    apart = before[1] / first - after[1] / second
    return apart**2 > CHANGE**2 * share * (1 - share) * (1 / first + 1 / second)


def equal_shares_p(counts: Sequence[tuple[float, float]], degrees: float) -> float:
    """The p-value (chi-squared) of equal shares in groups with these numbers of scores of each model."""
    first, second = (sum(each[side] for each in counts) for side in (0, 1))
    if degrees <= 0 or not first or not second:
        return 1.0
    share = second / (first + second)
    squares = sum((b - (a + b) * share) ** 2 / ((a + b) * share * (1 - share)) for a, b in counts if a + b)
    return float(gammaincc(degrees / 2, squares / 2))


def share_number(sums: UnitSums) -> int:
    """The number of the second model's share, 0 to `SHARES`."""
    a, b = sums.counts
    return round(2 / pi * asin(sqrt(b / (a + b))) * SHARES)


def _block(record: BlockRecord) -> Block:
    first, second, share, *is_changing = record  # blocks of earlier versions do not say whether they change
    return Block((first or 0, second or 0), share, bool(is_changing and is_changing[0]))


def _sums(state: Mapping[str, UnitSumsRecord]) -> ByShare:
    return {int(share): UnitSums.of(sums) for share, sums in state.items()}
