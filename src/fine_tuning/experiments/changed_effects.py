"""What contradicts the look with the most evidence, and how to say it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fine_tuning.experiments.ab_test_result import Interval
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect


class Found(NamedTuple):
    """An effect and its interval."""

    effect: Effect
    interval: Interval

    def is_apart(self, other: Found) -> bool:
        """Whether no difference is in both intervals."""
        return self.interval[0] > other.interval[1] or self.interval[1] < other.interval[0]


def hull(found: Sequence[Found]) -> Interval:
    """The interval that holds those of all."""
    return min(each.interval[0] for each in found), max(each.interval[1] for each in found)


def contradiction(design: Design, peak: Found, since: tuple[int, Found], looks: Sequence[Found]) -> str:
    """The text of the look with the most evidence and of an effect that takes its model away: their intervals have
    nothing in common, and together they hold 0. There must be one.

    Args:
        since: of the samples after the newest stored look of so much evidence, with the number of those before them.
        looks: others, the one of all samples last.
    """

    def contradicts(other: Found) -> bool:
        low, high = hull([peak, other])
        return peak.is_apart(other) and low <= 0 <= high

    began, later_ones = since
    if contradicts(later_ones):
        earlier = "in all" if _size(peak) > began else "until then"
        return text(design, (began, peak.effect.estimate), later_ones.effect.estimate, earlier=earlier)
    other = next(each for each in reversed(looks) if contradicts(each))
    first, second = sorted((peak, other), key=_size)
    is_all = _size(second) == max(map(_size, [peak, *looks]))
    later = f"in {'all' if is_all else 'the first'} {_size(second):,} samples"
    return text(design, (_size(first), first.effect.estimate), second.effect.estimate, later=later)


def _size(found: Found) -> int:
    return found.effect.size or found.effect.n


def text(
    design: Design, before: tuple[int, float], after: float, *, earlier: str = "until then", later: str = "since"
) -> str:
    """What contradicts a verdict.

    Args:
        before: the number of samples of the verdict, and the difference then; after: the difference later.
        earlier, later: of which samples they are.
    """
    scale, unit = (100, " points") if design.score == "binary" else (1, "")
    then, now = (f"{each * scale:+.3g}{unit}" for each in (before[1], after))
    return (
        f"effect changed at about {before[0]:,} samples: {then} {earlier}, {now} {later}; start a new test to compare "
        "the models as they are now"
    )
