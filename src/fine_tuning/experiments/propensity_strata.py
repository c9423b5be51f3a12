"""Units stratified by the share of the traffic that the second model had when they began.

Where the share changes while questions get easier, the plain difference of means shows a difference between equal
models. Among units of equal share it does not, whenever they came: stratification by the propensity score (Rosenbaum,
Rubin, "The central role of the propensity score in observational studies for causal effects", Biometrika 70, 1983),
here the observed share in a block of time. Blocks and their shares depend on the assignment alone: neither on scores,
nor on when they become known. So latency, cost and outcomes that come late are compared as scores are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fine_tuning.experiments.autocorrelation import Products
from fine_tuning.experiments.neighbours import Neighbours
from fine_tuning.experiments.pair_sums import PairSums
from fine_tuning.experiments.share_cells import Cells, Counts
from fine_tuning.experiments.shares import SHARES, differ, equal_shares_p, share_number
from fine_tuning.experiments.turns import SIZES, Turns
from fine_tuning.experiments.unit_sums import Figure, UnitSums, summed
from fine_tuning.store.records.experiment_json import BlockRecord, PropensityStrataRecord

UNITS_PER_BLOCK = SIZES[-1]  # of both models that begin in a block of time
MAX_BLOCKS = 200  # whose shares are kept for units that come back; then every second is taken for the one before
MIN_SCORES_OF_EACH = 10  # in a stratum
MIN_UNITS_OF_EACH = 2  # of one alone no variance is known
NEAR = 3  # strata, within which shares are compared together although they change
DRIFT = 1e-6  # p-value (chi-squared) of equal shares in all blocks, below which they are said to drift
MAY_DRIFT = 0.05  # below which shares are taken to change
MIN_SAMPLES = 400  # of which some blocks can be left out; of fewer where the shares surely change
SURE_DRIFT = 1e-4
APART = 0.1  # of the samples of a model, which are too few to be compared in place of all
ERRORS = "errors"  # the measure of every sample
Starts = tuple[int, int]


@dataclass
class Block:
    """A block of time: how many samples each model had before it, the number of its share, and whether that changes.

    The share of the last two blocks is None: one lasts, of the other the next one must be known.
    """

    starts: Starts
    share: int | None = None
    is_changing: bool = False


@dataclass
class PropensityStrata:
    """The sums of units by the share in the block in which they began.

    Attributes:
        scores: of the scores; measures: of other figures by name, of which `ERRORS` has every sample.
        before: the numbers of samples in the last block whose share is known.
        blocks: oldest first; neighbours of equal share are one.
        sides: the model (0 or 1) of each unit that began in the current block, in order.
        turns: whether the order within the blocks before it was random.
    """

    scores: Cells = field(default_factory=Cells)
    measures: dict[str, Cells] = field(default_factory=dict)
    before: tuple[float, float] = (0.0, 0.0)
    blocks: list[Block] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)
    turns: Turns = field(default_factory=Turns)

    def begin(self, side: int, starts: Starts) -> None:
        """A unit begins with a sample of this model (0 or 1), after so many samples of each."""
        if not self.blocks or self.blocks[-1].share is not None:
            self.blocks.append(Block(starts))
            self.sides = []
        elif len(self.sides) >= UNITS_PER_BLOCK:
            self.turns.add(self.sides)
            self.sides = []
            if len(self.blocks) > 1 and self.blocks[-2].share is None:
                self._place_ended()
            for cells in (self.scores, *self.measures.values()):
                cells.end()
            self.blocks.append(Block(starts))
        self.sides.append(side)

    def grow(self, side: int, figures: Sequence[Figure], began: Sequence[tuple[int, int]]) -> None:
        """A unit gets figures of a model (0 or 1), whose first samples of a model have these numbers."""
        if not self.blocks:  # of an earlier version, which did not count samples before they were scored
            self.blocks.append(Block((0, 0)))
        last = len(self.blocks) - 1
        place = min([self._place(model, ordinal) for model, ordinal in began], default=last)
        share, is_changing = self.blocks[place].share, self.blocks[place].is_changing
        for figure in figures:
            cells = self.scores if figure.measure is None else self._measure(figure.measure)
            if share is not None:
                sums = cells.of_share(share, is_changing=is_changing)
            else:
                sums = cells.current if place == last else cells.ended
            sums.grow(side, figure)
            if (other := figure.other_answer(side)) is not None:
                first, second = (other, figure.value) if side else (figure.value, other)
                cells.neighbours.add_pair(first, second)
                cells.pairs.add(first, second)
            elif not figure.is_late:
                cells.neighbours.add(side, figure.value)
                if figure.before is None:
                    cells.autocorrelation.add(figure.value)

    def _measure(self, name: str) -> Cells:
        return self.measures.get(name) or self.measures.setdefault(name, Cells())

    def _place(self, side: int, ordinal: int) -> int:
        place = len(self.blocks) - 1
        while place > 0 and self.blocks[place].starts[side] >= ordinal:
            place -= 1
        return place

    @property
    def _arrived(self) -> Cells:
        """Those of all samples."""
        return self.measures.get(ERRORS, self.scores)

    def _place_ended(self) -> None:
        """Put the block before the current one among those of its share, now that the blocks around it are known."""
        *earlier, block, _ = self.blocks
        counts = self._arrived.ended.counts
        block.share = share_number(counts)
        block.is_changing = differ(self.before, self._arrived.current.counts)
        for cells in (self.scores, *self.measures.values()):
            cells.place_ended(block.share, is_changing=block.is_changing)
        self.before = counts
        if earlier and (earlier[-1].share, earlier[-1].is_changing) == (block.share, block.is_changing):
            del self.blocks[-2]
        if len(self.blocks) > MAX_BLOCKS:
            del self.blocks[1:-2:2]

    def cells(self, measure: str | None = None) -> list[UnitSums]:
        """The sums of a measure (None: of the scores) to compare within: neighbouring shares together until there are
        enough figures of each model; where shares change, only near ones.

        Times in which one model had all the traffic are left out. So are, where shares change, the blocks in which they
        do: within them, the models' samples are not of the same time. Where nothing is left because one model came
        after the other, all are together.
        """
        cells = self._cells(measure)
        found, counts = cells.compared(*self._open_shares(), with_changing=True), self._counts()
        if self._apart(counts):
            return [summed([*found.values()])]
        p_value, samples = _p_value(counts), sum(each.first + each.second for each in counts)
        if p_value >= (MAY_DRIFT if samples >= MIN_SAMPLES else SURE_DRIFT):
            return _merged(found, NEAR if p_value < MAY_DRIFT else SHARES)
        steady = cells.compared(*self._open_shares(), with_changing=False)
        of_both = [sums.counts for sums in steady.values() if 0 not in sums.counts]
        return _merged(steady, NEAR) if _are_part(of_both, [sums.counts for sums in found.values()], 0.5, any) else []

    @property
    def are_apart(self) -> bool:
        """Whether most samples of both models came while the other had no traffic, and few at the same time."""
        return self._apart(self._counts())

    def _apart(self, counts: Sequence[Counts]) -> bool:
        """See `are_apart`."""
        everything = [each[:2] for each in counts]
        if not _are_part([each for each in everything if _is_alone(each)], everything, 0.5, all):
            return False
        steady = [each[:2] for each in self._counts(with_changing=False)]
        return not _are_part([each for each in steady if not _is_alone(each)], everything, APART, any)

    @property
    def in_turns(self) -> bool:
        """Whether the models' units did not come in a random order within blocks of time."""
        return self.turns.are_found(self.sides)

    def everything(self, measure: str | None = None) -> UnitSums:
        """The sums of all units of a measure (None: of the scores)."""
        return summed([*self._cells(measure).compared(*self._open_shares(), with_changing=True).values()])

    def neighbours(self, measure: str | None = None) -> Neighbours:
        """The figures of samples that came one right after the other."""
        return self._cells(measure).neighbours

    def pairs(self, measure: str | None = None) -> PairSums:
        """The figures of both models' answers to a question."""
        return self._cells(measure).pairs

    def autocorrelation(self, measure: str | None = None) -> Products:
        """Of the figures of units that began one after the other."""
        return self._cells(measure).autocorrelation.products

    def known_outcomes(self) -> list[tuple[Starts, Starts]]:
        """See `Comparison.known_outcomes`."""
        arrived = self._arrived.compared(*self._open_shares(), with_changing=True)
        scored = self.scores.compared(*self._open_shares(), with_changing=True)
        found = []
        for share, sums in arrived.items():
            answered = tuple(round(sums.totals[side] - sums.totals[side + 1]) for side in (0, 3))
            known = tuple(round(count) for count in scored[share].counts) if share in scored else (0, 0)
            found.append(((answered[0], answered[1]), (known[0], known[1])))
        return found

    def _cells(self, measure: str | None) -> Cells:
        if measure == ERRORS:
            return self._arrived
        return self.scores if measure is None else self.measures.get(measure, Cells())

    def _open_shares(self) -> tuple[int | None, int | None]:
        """The numbers of the shares of the block that ended last and of the current one; None while they are empty."""
        ended, current = (
            share_number(sums.counts) if sum(sums.counts) else None
            for sums in (self._arrived.ended, self._arrived.current)
        )
        return ended, current

    def _counts(self, *, with_changing: bool = True) -> list[Counts]:
        """Of all samples, of each share."""
        return self._arrived.counts(*self._open_shares(), with_changing=with_changing)

    @property
    def has_drift(self) -> bool:
        """Whether the shares of the models have changed over time."""
        return _p_value(self._counts()) < DRIFT

    def as_dict(self) -> PropensityStrataRecord:
        """The state as plain JSON values."""
        return {
            "scores": self.scores.as_dict(),
            "measures": {name: cells.as_dict() for name, cells in self.measures.items()},
            "before": list(self.before),
            "blocks": [[*block.starts, block.share, block.is_changing] for block in self.blocks],
            "sides": self.sides,
            "turns": self.turns.as_dict(),
        }

    @classmethod
    def of(cls, state: PropensityStrataRecord) -> PropensityStrata:
        """A state as `as_dict` gave it."""
        first, second = state["before"]
        return cls(
            Cells.of(state["scores"]),
            {name: Cells.of(cells) for name, cells in state["measures"].items()},
            (first, second),
            [block_of(each) for each in state["blocks"]],
            [*state["sides"]],
            Turns.of(state["turns"]),
        )


def _p_value(found: Sequence[Counts]) -> float:
    """Of equal shares in all blocks."""
    samples, squares = sum(sum(each[:2]) for each in found), sum(sum(each[2:]) for each in found)
    alike = max(1.0, squares / samples) if samples else 1.0  # samples of a unit, which come together
    counts = [(each.first / alike, each.second / alike) for each in found]
    blocks = sum(map(sum, counts)) / UNITS_PER_BLOCK
    return equal_shares_p(counts, blocks - 1)  # nearly all that varies does between the shares


def _is_alone(counts: tuple[float, float]) -> bool:
    """Whether one model had all the traffic."""
    return 0 in counts and sum(counts) >= UNITS_PER_BLOCK


def _are_part(
    some: Sequence[tuple[float, float]],
    everything: Sequence[tuple[float, float]],
    least: float,
    of: Callable[[Iterable[bool]], bool],
) -> bool:
    """Whether these have at least this part of the scores of both models, `of` any or all of them."""
    parts, wholes = ([sum(each[side] for each in counts) for side in (0, 1)] for counts in (some, everything))
    return of(part >= least * whole > 0 for part, whole in zip(parts, wholes, strict=True))


def _merged(by_share: Mapping[int, UnitSums], reach: int) -> list[UnitSums]:
    """Neighbours together until there are enough scores of each model, of shares that are so far apart at most; what
    is then too little joins the last one within reach, or is left out.
    """
    found: list[tuple[int, UnitSums]] = []  # with the last share of each
    first, rest = 0, UnitSums()
    for share in sorted(share for share, sums in by_share.items() if not _is_alone(sums.counts)):
        if sum(rest.counts) and share - first > reach:
            _join(found, first, rest, reach)
            rest = UnitSums()
        first = first if sum(rest.counts) else share
        rest = summed([rest, by_share[share]])
        if _are_enough(rest):
            found.append((share, rest))
            rest = UnitSums()
    _join(found, first, rest, reach)
    return [sums for _, sums in found]


def _join(found: list[tuple[int, UnitSums]], share: int, rest: UnitSums, reach: int) -> None:
    if found and share - found[-1][0] <= reach:
        found[-1] = found[-1][0], summed([found[-1][1], rest])
    elif reach >= SHARES:
        found.append((share, rest))


def _are_enough(sums: UnitSums) -> bool:
    return min(sums.counts) >= MIN_SCORES_OF_EACH and min(sums.effective_units) >= MIN_UNITS_OF_EACH


def block_of(record: BlockRecord) -> Block:
    """A block as it is stored."""
    first, second, share, *is_changing = record  # blocks of earlier versions do not say whether they change
    return Block((first or 0, second or 0), share, bool(is_changing and is_changing[0]))
