"""Regular expression match: the reference is an expression that matches the prediction from start to end."""

from __future__ import annotations

import re
from functools import lru_cache

from fine_tuning.errors import UsageError


def matches(prediction: str, reference: str) -> bool:
    """Whether the stripped prediction matches from start to end.

    Raises:
        UsageError: the reference is not a regular expression.
    """
    return _compiled(reference).fullmatch(prediction.strip()) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, OverflowError) as error:
        raise UsageError(f"{pattern!r} is not a regular expression: {error}") from None
