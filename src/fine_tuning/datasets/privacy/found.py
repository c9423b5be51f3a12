"""What a detector finds in a text, and the text with masks in its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """A secret or a piece of personal data.

    Attributes:
        start, end: where in the text.
        kind: such as "e-mail address".
        value: without escapes.
        mask: what is written in its place; escaped as the text is.
    """

    start: int
    end: int
    kind: str
    value: str
    mask: str


class Detector(Protocol):
    """Finds one group of private data."""

    def suspects(self, text: str, name: str = "") -> bool:
        """Whether `find` may find something: a quick check that is never wrong when it says no."""

    def find(self, text: str, name: str = "") -> list[Found]:
        """What is in a text, as it is without looking through escapes.

        Args:
            name: the field whose value the text is.
        """


def found_at(text: str, start: int, end: int, kind: str) -> Found:
    """A find of this kind, with its mask."""
    return Found(start, end, kind, text[start:end], f"<{kind.upper().replace(' ', '_')}>")


def without_overlaps(found: Iterable[Found]) -> list[Found]:
    """The finds in order; overlapping ones become one of the kind of the longest, which hides all of them."""
    merged: list[Found] = []
    for each in sorted(found):
        if merged and each.start < merged[-1].end:
            last = merged[-1]
            longest = max(last, each, key=lambda one: one.end - one.start)
            merged[-1] = longest._replace(start=last.start, end=max(last.end, each.end))
        else:
            merged.append(each)
    return merged


def masked(text: str, found: Iterable[Found]) -> str:
    """The text with the mask in place of each find."""
    parts, at = [], 0
    for each in without_overlaps(found):
        parts += [text[at : each.start], each.mask]
        at = each.end
    return "".join([*parts, text[at:]])
