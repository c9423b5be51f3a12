"""Regular expression match: the reference is an expression that matches the prediction from start to end."""

from __future__ import annotations

import re
from functools import lru_cache

import regex

from fine_tuning._util import timed_patterns
from fine_tuning._util.timed_patterns import PatternTimeout
from fine_tuning.data_io.equal_answers import normal_form
from fine_tuning.errors import UsageError


def matches(prediction: str, reference: str) -> bool:
    """Whether the stripped prediction matches from start to end, as written or both in NFC.

    Raises:
        UsageError: the reference is not a regular expression, or takes too long to match.
    """
    text = prediction.strip()
    if _matches(reference, text):
        return True
    if text.isascii() and reference.isascii():
        return False
    return _matches(normal_form(reference), normal_form(text))


def _matches(pattern: str, text: str) -> bool:
    _check(pattern)
    try:
        return timed_patterns.matches_whole(pattern, text, re.DOTALL)
    except PatternTimeout as error:
        raise UsageError(str(error)) from None


@lru_cache(maxsize=256)
def _check(pattern: str) -> None:
    """Refuse what Python's `re` does not read, which references are written for."""
    try:
        timed_patterns.check_repeats(pattern)
        re.compile(pattern)
        timed_patterns.compiled(pattern)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{pattern!r} is not a regular expression: {error}") from None
