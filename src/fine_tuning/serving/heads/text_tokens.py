"""Tokens of a text in any script: words, numbers and signs, with where they stand."""

from __future__ import annotations

from typing import NamedTuple

import regex

# Scripts without spaces are cut at every letter; a number ends where letters begin; marks belong to their letter.
_TOKEN = regex.compile(
    r"\p{Nd}+|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*|[\p{L}\p{M}]+|\S"
)


class Token(NamedTuple):
    """A word, number or sign, and where it stands."""

    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text."""
    return [Token(found.group(), found.start(), found.end()) for found in _TOKEN.finditer(text)]


def texts_of(text: str) -> list[str]:
    """The texts of the tokens."""
    found: list[str] = _TOKEN.findall(text)
    return found
