"""Text in the form that patterns expect: ASCII digits, signs, spaces and hyphens, every character in its place."""

from __future__ import annotations

import re
import unicodedata

_SPACES = r"\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_HYPHENS = r"\u2010\u2011\ufe63"
_COLONS = "\u17d6\ufe13\ufe55"  # of Khmer, and of vertical and small type
_FOLDED = re.compile(rf"(?![0-9])\d|[\uff01-\uff5e{_SPACES}{_HYPHENS}{_COLONS}]")
_SPACE = re.compile(rf"[{_SPACES}]")
# Dashes of a text divide its phrases, too: only those between digits, letters and brackets are hyphens of a number.
_DASH = re.compile(r"(?<=[0-9A-Za-z)])[\u2012-\u2015\u2212\ufe58](?=[0-9A-Za-z(])")


def folded(text: str) -> str:
    """The text with digits, full-width signs, spaces and hyphens of all scripts as ASCII; no longer, no shorter."""
    return text if text.isascii() else _FOLDED.sub(_as_ascii, text)


def folded_numbers(text: str) -> str:
    """The folded text, also with the dashes and minus signs inside its numbers as hyphens; no longer, no shorter."""
    return text if text.isascii() else _DASH.sub("-", folded(text))


def _as_ascii(match: re.Match[str]) -> str:
    character = match[0]
    if character.isdecimal():
        return str(unicodedata.digit(character))
    if _SPACE.match(character):
        return " "
    if character in _COLONS:
        return ":"
    return chr(ord(character) - 0xFEE0) if "\uff01" <= character <= "\uff5e" else "-"
