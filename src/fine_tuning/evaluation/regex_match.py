"""Regular expression match: the reference is an expression that matches the prediction from start to end."""

from __future__ import annotations

import re
from functools import lru_cache

from fine_tuning.datasets.words import normal_form
from fine_tuning.errors import UsageError


def matches(prediction: str, reference: str) -> bool:
    """Whether the stripped prediction matches from start to end, as written or both in NFC.

    Raises:
        UsageError: the reference is not a regular expression.
    """
    text = prediction.strip()
    if _compiled(reference).fullmatch(text) is not None:
        return True
    if text.isascii() and reference.isascii():
        return False
    return _compiled(normal_form(reference)).fullmatch(normal_form(text)) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, OverflowError) as error:
        raise UsageError(f"{pattern!r} is not a regular expression: {error}") from None
