"""Scores of an answer under other names than rating: stars are one, and those of an unknown scale are refused."""

from __future__ import annotations

import re

from fine_tuning.data_io.json_values import JsonObject, Row
from fine_tuning.data_io.key_meanings import plain
from fine_tuning.errors import DataError

_OF = r"(?:user|human|star|overall|answer|response)?"
_STARS = re.compile(rf"(?:num)?stars|(?:star|user|human)rating|{_OF}(?:rating|score)(?:1to|outof|1)5")
_SCORES = re.compile(
    rf"{_OF}(?:score|rating|quality|helpfulness|preference|reaction|stars)(?:score|rating)?"
    r"(?:(?:[01](?:to)?|outof)(?:10|100))?|helpful|ishelpful|numstars"
)
_LARGEST = 5
_GOOD_SHARE = 0.5  # of a scale to 1


def rating_of_stars(others: JsonObject) -> int | None:
    """The rating in a field of 1 to 5 stars, which is taken out of `others`; None without one."""
    for key, value in others.items():
        number = _number(value)
        if number is not None and number in range(1, _LARGEST + 1) and _STARS.fullmatch(plain(key)):
            del others[key]
            return int(number)
    return None


def refuse_unclear(row: Row, metadata: JsonObject) -> None:
    """Refuse a score that may be a bad one: whether it is, its scale would say.

    Args:
        metadata: of the call in the row, which also has what the row itself calls metadata.

    Raises:
        DataError: there is one; the message names it.
    """
    for key, value in metadata.items():
        number = _number(value) if key in row else None
        if number is None or number > _LARGEST or _GOOD_SHARE < number < 1:
            continue
        name = plain(key)
        if _SCORES.fullmatch(name) or _STARS.fullmatch(name):
            raise DataError(
                f"{key} is {value!r}, whose scale is not known; write a rating from 1 to 5, or pass --rating"
            )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
