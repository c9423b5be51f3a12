"""Times as logs and tables write them: ISO 8601, HTTP's and mail's, and numbers since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EARLIEST = 1e8  # seconds: 1973; a number that would be later in a smaller unit is taken to be in it
_NUMBER = re.compile(r"[0-9]{9,19}(?:\.[0-9]+)?")
_UTC = re.compile(r"\s*(?:UTC|GMT|Z)$")


def parse_time(value: object) -> datetime | None:
    """A time in UTC; None for what is none.

    Args:
        value: ISO 8601, without a zone in UTC; the form of mails and HTTP; or seconds, milli-, micro- or nanoseconds
            since 1970, also as text.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _since_1970(value)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None and _NUMBER.fullmatch(value.strip()):
        return _since_1970(float(value))
    try:
        moment = moment or _in_words(value.strip())
        return None if moment is None else _in_utc(moment)
    except OverflowError:
        return None


def _since_1970(value: float) -> datetime | None:
    scale = next((unit for unit in (1e9, 1e6, 1e3) if abs(value) >= _EARLIEST * unit), 1)
    try:
        return datetime.fromtimestamp(value / scale, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _in_words(text: str) -> datetime | None:
    """A time with the name of its zone, or in the form of mails."""
    try:
        return datetime.fromisoformat(_UTC.sub("", text))
    except ValueError:
        pass
    try:
        found: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
