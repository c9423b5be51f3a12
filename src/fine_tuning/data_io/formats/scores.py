"""Scores and feedback of people, under the names in common use, as the rating of an answer."""

from __future__ import annotations

from collections.abc import Iterable

from fine_tuning.data_io.rating_lists import STARS, THUMBS
from fine_tuning.data_io.verdicts import THUMBS_DOWN, THUMBS_UP, is_positive
from fine_tuning.errors import DataError

_STARS = STARS | {"user-rating"}
_THUMBS = THUMBS | {"user-feedback", "user-score", "user feedback", "user rating"}


def rating_of_scores(scores: Iterable[tuple[object, object]]) -> int | None:
    """The rating of the first score that states one: 1 to 5 stars, or a thumb (5 for up, 1 for down).

    Args:
        scores: name and value of each; the value may be a word such as thumbs-up.

    Raises:
        DataError: a rating is neither a number nor text.
    """
    for name, value in scores:
        label = str(name).lower()
        if label in _STARS | _THUMBS and isinstance(value, list | dict):
            raise DataError(f"score {label} must be a number, not {value!r}")
        if label in _STARS and (stars := _number(value)) in {1, 2, 3, 4, 5}:
            return int(stars)
        if label in _THUMBS and (verdict := is_positive(value)) is not None:
            return THUMBS_UP if verdict else THUMBS_DOWN
    return None


def _number(value: object) -> float:
    """A number, also as text, as exports to CSV have it; 0 for none."""
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0
    except ValueError:
        return 0
