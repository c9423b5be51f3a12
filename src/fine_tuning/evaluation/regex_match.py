"""Whether the answer matches a regular expression from its beginning to its end; the reference is the expression."""

from __future__ import annotations

import re
from functools import lru_cache

from fine_tuning.errors import UsageError


def matches(prediction: str, reference: str) -> bool:
    """Whether the whole answer, stripped, matches.

    Raises:
        UsageError: the reference is no regular expression.
    """
    return _compiled(reference).fullmatch(prediction.strip()) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, OverflowError) as error:
        raise UsageError(f"{pattern!r} is no regular expression: {error}") from None
