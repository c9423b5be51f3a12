"""Regular expressions written by somebody else, matched within a time limit: backtracking can take years.

Python's `re` cannot be stopped, and holds up every other thread meanwhile; `regex` can, and reads almost the same.
"""

from __future__ import annotations

import re
from functools import lru_cache

import regex

PATTERN_SECONDS = 1.0
# In regex, braces that count nothing allow misspellings, as in x{e<=1}; in re they stand for themselves.
_BRACES = re.compile(r"(?P<kept>\\[pPN]\{[^}]*\}|\\.|\{\d+(?:,\d*)?\}|\{,\d*\})|\{", re.DOTALL)


class PatternTimeout(Exception):  # noqa: N818 - what happened to a pattern
    """Matching took longer than the limit; the message names the pattern."""


def search(pattern: str, text: str, flags: int = 0, *, seconds: float = PATTERN_SECONDS) -> bool:
    """Whether the pattern matches somewhere in the text.

    Raises:
        PatternTimeout: not within `seconds`.
        re.error, regex.error: it is no regular expression.
    """
    return _matched(pattern, text, flags, seconds, is_whole=False)


def matches_whole(pattern: str, text: str, flags: int = 0, *, seconds: float = PATTERN_SECONDS) -> bool:
    """Whether the pattern matches the text from start to end; raises as `search` does."""
    return _matched(pattern, text, flags, seconds, is_whole=True)


def _matched(pattern: str, text: str, flags: int, seconds: float, *, is_whole: bool) -> bool:
    expression = _compiled(pattern, flags)
    match = expression.fullmatch if is_whole else expression.search
    try:
        return match(text, timeout=max(seconds, 0.001), concurrent=True) is not None
    except TimeoutError:
        raise PatternTimeout(f"{pattern!r} takes too long to match; make it simpler: no repeats in repeats") from None


@lru_cache(maxsize=256)
def _compiled(pattern: str, flags: int) -> regex.Pattern[str]:
    return regex.compile(_BRACES.sub(lambda found: found["kept"] or r"\{", pattern), flags)
