"""Words whose first letter is a capital that carries meaning: `5 Mg` and `5 mg`, `Map(` and `map(`, `x + X`."""

from __future__ import annotations

import re

# Prefixes of units whose small letter is another one, or the unit itself is.
_UNITS = r"(?:M[mglb]|[KGTP]b|[NC]m)"
_AFTER_NUMBER = r"(?<=\d )(?:[A-HJ-Z]|M[swva])"
_OPTION = r"(?:(?<=\s-)|(?<=^-))[A-Z]"
_CODE = rf"[A-Z][a-z0-9_]*(?=\((?!e?s\)))|(?<=`)[A-Z][a-z0-9_]*|(?<=[$%\\])[A-Z][a-z0-9_]*|{_OPTION}|(?<=::)[A-Z]\w*"
_SINGLE = r"(?<![\w'’.])[B-HJ-Z](?![\w'’])"  # noqa: RUF001
_SURE = rf"(?<!\w)(?:{_UNITS}|{_AFTER_NUMBER})(?![\w'])|(?<!\w)(?:{_CODE})(?!\w)"
WORD = rf"{_SURE}|{_SINGLE}"
_WORD = re.compile(WORD)
_SMALL = re.compile(r"(?<![\w'’.])[b-hj-z](?![\w'’])")  # noqa: RUF001
_SINGLE_LETTER = re.compile(_SINGLE)
_MEANING = re.compile(_SURE)
# Every word of `WORD` begins with one of these capitals, which are found sooner, and few sentences have one.
_MAY_BE = re.compile(
    r"[A-Z](?:(?<=[`$%\\:-].)|(?<=\d .)|(?<=[B-HJ-Z])(?![\w'’])|(?:(?<=M)[mglb]|(?<=[KGTP])b|(?<=[NC])m)(?![\w'])"  # noqa: RUF001
    r"|[a-z0-9_]*\()"
)


def has_meaning(text: str) -> bool:
    """Whether a text may have such words; it has none where only its first letter is a capital, as most texts."""
    return not text[1:].islower() and _MAY_BE.search(text) is not None and _WORD.search(text) is not None


def find(text: str, at: int) -> re.Match[str] | None:
    """The word that begins there, if its capital may carry meaning."""
    return _WORD.match(text, at)


def in_both_cases(text: str) -> frozenset[str]:
    """The capitals that stand alone in a text that has the small letter alone, too: `x + X`."""
    small = {each.upper() for each in _SMALL.findall(text)}
    return frozenset(small.intersection(_SINGLE_LETTER.findall(text))) if small else frozenset()


def is_kept(match: re.Match[str], both: frozenset[str]) -> bool:
    """Whether a word that `WORD` matches keeps its capital.

    Args:
        both: see `in_both_cases`.
    """
    found = match.group()
    return found in both or _MEANING.match(match.string, match.start()) is not None


def tells(word: str) -> bool:
    """Whether a word of a normalised text has kept its first capital."""
    return word[:1].isupper() and word[1:] == word[1:].lower()
