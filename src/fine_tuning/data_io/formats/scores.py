"""Scores and feedback of people, under the names in common use, as the rating of an answer."""

from __future__ import annotations

from collections.abc import Iterable

from fine_tuning.data_io.json_values import as_number
from fine_tuning.data_io.rating_lists import STARS, THUMBS
from fine_tuning.data_io.verdicts import THUMBS_DOWN, THUMBS_UP, composed_verdict, is_positive
from fine_tuning.errors import DataError

_STARS = STARS | {"user-rating"}
_MEASURES = frozenset({"quality", "correctness", "helpfulness", "accuracy", "overall"})
_THUMBS = THUMBS | {"user-feedback", "user-score", "user feedback", "user rating"}


def rating_of_scores(scores: Iterable[tuple[object, object]]) -> int | None:
    """The rating of the first score that states one: 1 to 5 stars, or a thumb (5 for up, 1 for down).

    Without one, that of a judge counts: a verdict, or a share of a scale to 1, whose end may as well be one star.

    Args:
        scores: name and value of each; a thumb may have any name that is composed of words for judging, such as
            `user_liked`, and be a word such as thumbs-up.

    Raises:
        DataError: a rating is neither a number nor text.
    """
    stated = list(scores)
    for name, value in stated:
        label = str(name).lower()
        if label in _STARS | _THUMBS and isinstance(value, list | dict):
            raise DataError(f"score {label} must be a number, not {value!r}")
        if label in _STARS and (stars := as_number(value)) is not None and stars in {1, 2, 3, 4, 5}:
            return int(stars)
        if label in _THUMBS and (rating := _of_verdict(is_positive(value))) is not None:
            return rating
        if label not in _MEASURES | _STARS and (rating := _of_verdict(composed_verdict(str(name), value))) is not None:
            return rating
    shares = (_of_share(value) for name, value in stated if str(name).lower() in _MEASURES)
    return next((each for each in shares if each is not None), None)


def _of_share(value: object) -> int | None:
    """The rating of a verdict, or of a share of 1; None for another score."""
    number = as_number(value)
    if number is None:
        return _of_verdict(is_positive(value))
    return round(THUMBS_DOWN + (THUMBS_UP - THUMBS_DOWN) * number) if 0 <= number < 1 else None


def _of_verdict(verdict: bool | None) -> int | None:
    return None if verdict is None else THUMBS_UP if verdict else THUMBS_DOWN
