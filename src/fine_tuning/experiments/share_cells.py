"""The sums of one figure (the scores, or a measure) by the share of the traffic at the time in which units began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fine_tuning.experiments.autocorrelation import Autocorrelation
from fine_tuning.experiments.neighbours import Neighbours
from fine_tuning.experiments.pair_sums import PairSums
from fine_tuning.experiments.unit_sums import UnitSums, summed
from fine_tuning.store.records.experiment_json import CellsRecord, UnitSumsRecord

ByShare = dict[int, UnitSums]


class Counts(NamedTuple):
    """Figures of both models, and the sums over units of the squares of their numbers of figures."""

    first: float
    second: float
    first_squared: float
    second_squared: float


@dataclass
class Cells:
    """Sums of units.

    Attributes:
        current: of those that began in the block of time that lasts; ended: in the one before it.
        by_share: in those before that, by number of the share; changing: in those of them in which it changes.
        neighbours: of samples that came one right after the other; autocorrelation: of units that began so.
        pairs: of both models' answers to a question.
    """

    current: UnitSums = field(default_factory=UnitSums)
    ended: UnitSums = field(default_factory=UnitSums)
    by_share: ByShare = field(default_factory=dict)
    changing: ByShare = field(default_factory=dict)
    neighbours: Neighbours = field(default_factory=Neighbours)
    autocorrelation: Autocorrelation = field(default_factory=Autocorrelation)
    pairs: PairSums = field(default_factory=PairSums)

    def of_share(self, share: int, *, is_changing: bool) -> UnitSums:
        """The sums of a share."""
        return (self.changing if is_changing else self.by_share).setdefault(share, UnitSums())

    def place_ended(self, share: int, *, is_changing: bool) -> None:
        """Put the block that ended among those of its share."""
        if sum(self.ended.counts):
            self.of_share(share, is_changing=is_changing).add(self.ended)
        self.ended = UnitSums()

    def end(self) -> None:
        """End the current block."""
        self.ended, self.current = self.current, UnitSums()

    def compared(self, ended: int | None, current: int | None, *, with_changing: bool) -> ByShare:
        """All sums by share, or without those of blocks in which it changes, or of which that is not known yet.

        Args:
            ended, current: the shares of the last two blocks; None of one without samples.
        """
        found: dict[int, list[UnitSums]] = {}
        for share, sums in self._parts(ended, current, with_changing=with_changing):
            found.setdefault(share, []).append(sums)
        return {share: parts[0] if len(parts) == 1 else summed(parts) for share, parts in found.items()}

    def counts(self, ended: int | None, current: int | None, *, with_changing: bool) -> list[Counts]:
        """Of each share the numbers alone; arguments as of `compared`."""
        found: dict[int, Counts] = {}
        for share, sums in self._parts(ended, current, with_changing=with_changing):
            (a, b), (aa, bb), before = sums.counts, sums.squared_counts, found.get(share)
            if before is not None:
                a, b, aa, bb = a + before[0], b + before[1], aa + before[2], bb + before[3]
            found[share] = Counts(a, b, aa, bb)
        return [*found.values()]

    def _parts(self, ended: int | None, current: int | None, *, with_changing: bool) -> Iterator[tuple[int, UnitSums]]:
        """The sums that are not empty, with their share."""
        parts = [*self.by_share.items()]
        if with_changing:
            last = (ended, self.ended), (current, self.current)
            parts += [*self.changing.items(), *((share, sums) for share, sums in last if share is not None)]
        return ((share, sums) for share, sums in parts if sums.totals[0] or sums.totals[3])

    def as_dict(self) -> CellsRecord:
        """The sums as plain JSON values."""
        return {
            "current": self.current.as_dict(),
            "ended": self.ended.as_dict(),
            "by_share": {str(share): sums.as_dict() for share, sums in self.by_share.items()},
            "changing": {str(share): sums.as_dict() for share, sums in self.changing.items()},
            "neighbours": self.neighbours.as_list(),
            "autocorrelation": self.autocorrelation.as_list(),
            "pairs": self.pairs.sums,
        }

    @classmethod
    def of(cls, state: CellsRecord) -> Cells:
        """Sums as `as_dict` gave them."""
        current, ended = UnitSums.of(state["current"]), UnitSums.of(state["ended"])
        neighbours = Neighbours.of(state.get("neighbours", []))
        autocorrelation = Autocorrelation.of(state.get("autocorrelation", []))
        shares = by_share(state["by_share"]), by_share(state["changing"])
        pairs = PairSums([*state["pairs"]]) if "pairs" in state else PairSums()
        return cls(current, ended, *shares, neighbours, autocorrelation, pairs)


def by_share(state: Mapping[str, UnitSumsRecord]) -> ByShare:
    """Sums by share as they are stored."""
    return {int(share): UnitSums.of(sums) for share, sums in state.items()}
