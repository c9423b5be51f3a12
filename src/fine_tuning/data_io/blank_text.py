"""Text that shows nothing: white space, and characters that no font draws."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters and signs of no width or ink
_SELECTORS = range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0), range(0x180B, 0x1810)  # how the letter before is drawn


def is_blank(text: str) -> bool:
    """Whether a text is empty, or made of white space and invisible characters alone."""
    return not "!" <= text[:1] <= "~" and all(map(_is_unseen, text))


def _is_unseen(character: str) -> bool:
    if character.isspace() or character in _FILLERS or unicodedata.category(character) in _UNSEEN:
        return True
    return any(ord(character) in each for each in _SELECTORS)
