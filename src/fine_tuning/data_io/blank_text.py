"""Text that shows or says nothing: white space, characters that no font draws, and what stands for no text."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))
_NOTHING = frozenset(("nan", "NaN", "None", "null", "<NA>", "NaT"))
_NO_INPUT = re.compile(r"<no[ _-]?input>", re.IGNORECASE)
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters and signs of no width or ink
_SELECTORS = range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0), range(0x180B, 0x1810)  # how the letter before is drawn


def is_blank(text: str) -> bool:
    """Whether a text is empty, or made of white space and invisible characters alone."""
    return not "!" <= text[:1] <= "~" and all(map(_is_unseen, text))


def is_placeholder(text: str) -> bool:
    """Whether a text stands where there is none: blank, Alpaca's `<noinput>`, or how pandas and JSON write nothing."""
    return is_blank(text) or stands_for_nothing(text)


def stands_for_nothing(text: str) -> bool:
    """Whether a text is a word for no text: `<noinput>`, `nan`, `None`."""
    return text.strip() in _NOTHING or _NO_INPUT.fullmatch(text.strip()) is not None


def _is_unseen(character: str) -> bool:
    if character.isspace() or character in _FILLERS or unicodedata.category(character) in _UNSEEN:
        return True
    return any(ord(character) in each for each in _SELECTORS)
