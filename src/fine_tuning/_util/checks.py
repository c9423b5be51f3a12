"""Checks of arguments: each returns the value as it is stored, or raises a UsageError that names the argument."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from math import inf, isfinite, isnan
from numbers import Real
from typing import Any

from fine_tuning.errors import UsageError

_CONTROL = re.compile(r"[\x00-\x1f]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # half a surrogate pair has no UTF-8
MAX_NAME_LENGTH = 200  # of the store's columns of names
MAX_AMOUNT = 1e15  # far above any price, latency or token count, and its square is still a number
MAX_COUNT = 2**31 - 1  # of the store's integer columns


def name(label: str, value: object) -> str:
    """A name: one line of text that is not blank, of up to 200 characters."""
    if isinstance(value, str) and len(value) <= MAX_NAME_LENGTH and _is_name(value):
        return value
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{label} must be non-empty text, not {value!r}")
    if len(value) > MAX_NAME_LENGTH:
        raise UsageError(f"{label} has {len(value)} characters; up to {MAX_NAME_LENGTH} are kept")
    if _CONTROL.search(value):
        raise UsageError(f"{label} must be one line of text, not {value!r}")
    raise UsageError(f"{label} must be whole characters, not {value!r}")


@lru_cache(maxsize=1024)  # the rows of an import have few
def _is_name(value: str) -> bool:
    return bool(value.strip()) and not _CONTROL.search(value) and not _HALF_CHARACTER.search(value)


def amount(label: str, value: object) -> float | None:
    """A number of 0 or more (money, time, tokens); None if it is None or nan, which both mean unknown."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise UsageError(f"{label} must be a number of 0 or more, not {value!r}")
    if value > MAX_AMOUNT:
        raise UsageError(f"{label} is too large; the largest number that is kept is {MAX_AMOUNT:.0e}")
    return value


def number(label: str, value: object) -> float:
    """A number, not nan, not infinite, and no larger than the store can hold."""
    # The usual types come first: asking `Real`, an abstract class, takes longer.
    if isinstance(value, bool) or not isinstance(value, (float, int, Real)) or not isfinite(value):
        raise UsageError(f"{label} must be a number, not {value!r}")
    found = float(value)
    if abs(found) > MAX_AMOUNT:
        raise UsageError(f"{label} is too large; the largest number that is kept is {MAX_AMOUNT:.0e}")
    return found


def count(label: str, value: object, minimum: int = 0, maximum: int = MAX_COUNT) -> int:
    """A whole number from `minimum` to `maximum`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise UsageError(f"{label} must be a whole number of {minimum} or more, not {value!r}")
    if value > maximum:
        raise UsageError(f"{label} is too large; the largest number that is kept is {maximum}")
    return value


def tokens(label: str, value: object) -> int | None:
    """A number of tokens; None if unknown."""
    known = amount(label, value)
    return None if known is None else count(label, value, maximum=int(MAX_AMOUNT))


def rate(label: str, value: object) -> float | None:
    """A share from 0 to 1; None if it is None or nan."""
    known = amount(label, value)
    if known is not None and known > 1:
        raise UsageError(f"{label} must be between 0 and 1, not {value!r}")
    return known


def day(label: str, value: object) -> str:
    """A day in ISO 8601, such as 2026-11-25."""
    try:
        return date.fromisoformat(value).isoformat()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UsageError(f"{label} must be a day such as 2026-11-25, not {value!r}") from None


def flag(label: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise UsageError(f"{label} must be True or False, not {value!r}")
    return value


def one_of(label: str, value: object, known: Sequence[str]) -> str:
    """One of the known values."""
    if value not in known:
        raise UsageError(f"unknown {label} {value!r}; use one of {', '.join(known)}")
    return str(value)


def storable(label: str, value: object) -> None:
    """Check that every database can store the texts of a JSON value: they have no NUL, and no half of a character.

    Raises:
        UsageError: one cannot be stored; the message names its place.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise UsageError(f"{label} has a NUL character (U+0000), which databases cannot store; remove it")
        if not value.isascii() and _HALF_CHARACTER.search(value):
            raise UsageError(f"{label} has half a character (a lone surrogate); cut the text between characters")
    elif isinstance(value, Mapping):
        for key, each in value.items():
            storable(f"a key of {label}", key)
            storable(f"{label}.{key}", each)
    elif isinstance(value, list | tuple):
        for place, each in enumerate(value):
            storable(f"{label}[{place}]", each)


def mapping(label: str, value: object) -> dict[str, Any]:
    """A copy of a mapping as a dict; empty if the value is None."""
    if value is not None and not isinstance(value, (dict, Mapping)):
        raise UsageError(f"{label} must be a mapping, not {type(value).__name__}")
    return dict(value or {})
