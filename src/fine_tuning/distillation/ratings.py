"""Ratings of captured calls, 1 (useless) to 5 (perfect): the default ones, their check, and how they are changed."""

from __future__ import annotations

from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.store import examples
from fine_tuning.store.database import Database

THUMBS_UP, THUMBS_DOWN = 5, 1
TRAINING_DATA_RATING = 5  # of a row of training data without a rating
LOG_RATING = 3  # of a row of a production log without a rating; not curated until somebody rates it
CHOSEN_RATING = 5  # of the better response of a pair
REJECTED_RATING = 2  # of the worse response of a pair
MAX_CORRECTED_RATING = 2  # of a response that was corrected


def check_rating(rating: object) -> int:
    """Return a whole number from 1 to 5.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(rating, bool) or not isinstance(rating, int) or not 1 <= rating <= 5:
        raise UsageError(f"rating must be a whole number from 1 to 5, not {rating!r}")
    return rating


def parse_rating(value: object) -> object:
    """A rating as tables write it, such as 5.0 or "5", as a whole number; another value unchanged."""
    try:
        number = float(value) if isinstance(value, (str, float)) else None
    except ValueError:
        return value
    return int(number) if number is not None and number.is_integer() else value


def change_rating(database: Database, example_id: str, rating: int, project: str | None = None) -> None:
    """Set the rating of a captured example, of any project if none is named.

    Raises:
        UsageError: the rating is out of range.
        NotFoundError: there is no such example.
    """
    check_rating(rating)
    with database.write() as tx:
        if not examples.is_of(tx, example_id, project) or not examples.rate(tx, example_id, rating):
            raise NotFoundError(f"no captured example {example_id}")
