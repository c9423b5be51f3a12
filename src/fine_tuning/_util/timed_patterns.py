"""Regular expressions written by somebody else, matched within a time limit: backtracking can take years.

Python's `re` cannot be stopped, and holds up every other thread meanwhile; `regex` can, and reads almost the same.
"""

from __future__ import annotations

import re
from functools import lru_cache

import regex

PATTERN_SECONDS = 1.0
MAX_CHARACTERS = 10_000  # of a pattern: the time to compile it grows with them
MAX_REPEATS = 10_000  # counted repeats, those in others multiplied: each is written out while a pattern is compiled
# In regex, braces that count nothing allow misspellings, as in x{e<=1}; in re they stand for themselves.
_BRACES = re.compile(r"(?P<kept>\\[pPN]\{[^}]*\}|\\.|\{\d+(?:,\d*)?\}|\{,\d*\})|\{", re.DOTALL)
_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<bracket>[()])|\{(?=[\d,])(?P<least>\d*),?(?P<most>\d*)\}|.", re.DOTALL
)


class PatternTimeout(Exception):  # noqa: N818 - what happened to a pattern
    """Matching took longer than the limit; the message names the pattern."""


def search(pattern: str, text: str, flags: int = 0, *, seconds: float = PATTERN_SECONDS) -> bool:
    """Whether the pattern matches somewhere in the text.

    Raises:
        PatternTimeout: not within `seconds`.
        regex.error: it is no regular expression.
        OverflowError: it repeats more than `MAX_REPEATS` times.
    """
    return _matched(pattern, text, flags, seconds, is_whole=False)


def matches_whole(pattern: str, text: str, flags: int = 0, *, seconds: float = PATTERN_SECONDS) -> bool:
    """Whether the pattern matches the text from start to end; raises as `search` does."""
    return _matched(pattern, text, flags, seconds, is_whole=True)


def compiled(pattern: str, flags: int = 0) -> regex.Pattern[str]:
    """The pattern, as `search` reads it; raises as that does."""
    check_repeats(pattern)
    return regex.compile(_BRACES.sub(lambda found: found["kept"] or r"\{", pattern), flags)


def check_repeats(pattern: str) -> None:
    """Refuse a pattern that counts too far, or is too long, whose compilation would not end.

    Raises:
        OverflowError: it repeats more than `MAX_REPEATS` times, or has more than `MAX_CHARACTERS`.
    """
    if len(pattern) > MAX_CHARACTERS:
        raise OverflowError(f"it has {len(pattern):,} characters; {MAX_CHARACTERS:,} is the limit")
    if (repeats := most_repeats(pattern)) > MAX_REPEATS:
        raise OverflowError(f"it repeats {repeats:,} times; {MAX_REPEATS:,} is the limit")


_kept = lru_cache(maxsize=256)(compiled)


def _matched(pattern: str, text: str, flags: int, seconds: float, *, is_whole: bool) -> bool:
    expression = _kept(pattern, flags)
    match = expression.fullmatch if is_whole else expression.search
    try:
        return match(text, timeout=max(seconds, 0.001), concurrent=True) is not None
    except TimeoutError:
        raise PatternTimeout(f"{pattern!r} takes too long to match; make it simpler: no repeats in repeats") from None


def most_repeats(pattern: str) -> int:
    """The largest product of counted repeats that are within each other."""
    groups, last = [1], 1  # of the open groups, and of what a count would repeat
    for token in _TOKEN.finditer(pattern):
        if token["bracket"] == "(":
            groups.append(1)
        elif token["bracket"]:
            last = groups.pop() if len(groups) > 1 else 1
            groups[-1] = max(groups[-1], last)
        elif token["least"] is not None:
            last *= max(int((token[name] or "1")[:9]) for name in ("least", "most"))
            groups[-1] = max(groups[-1], last)
        else:
            last = last if token[0] in "?+*" else 1  # which may stand between a group and a count
    return max(groups)
