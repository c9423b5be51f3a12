"""The rating of an answer whose row has none of its own: what its other fields say, and those it holds, as metadata."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fine_tuning.data_io.json_values import JsonObject, Row
from fine_tuning.data_io.rating_lists import rating_of_lists, stated_rating
from fine_tuning.data_io.row_facts import held_facts, name_of
from fine_tuning.data_io.score_fields import is_rating, rating_of_stars
from fine_tuning.data_io.telling_names import may_tell
from fine_tuning.data_io.verdicts import is_sign, rating_of_verdicts
from fine_tuning.errors import DataError

_RATING, _SMALLEST, _MIDDLE, _LARGEST = "rating", 1, 3, 5


def rating_beside(others: JsonObject, about: Iterable[Row], subjects: Collection[str] = (), *, is_pair: bool) -> object:
    """The rating, whose fields are taken out of `others`; None where nothing says one.

    Args:
        subjects: the places of fields that the conversation is about, which rate nothing.
        about: what the row itself calls metadata, and the message of the answer; they stay as they are.
        is_pair: the row has a worse answer, so that lists have a rating of each.

    Raises:
        DataError: what says the rating contradicts itself, or may as well be a class; the message names the field.
    """
    given = [others, *filter(None, about)]
    if not any(may_tell(key) or is_sign(value) for each in given for key, value in each.items()):
        return None
    # All fields that have a name, as a thumb is a verdict under any.
    held = [*held_facts(others, bool), *(fact for each in given[1:] for fact in held_facts({"metadata": each}, bool))]
    fields = {**others, **{fact.place: fact.value for fact in held}}
    kept = {place: fields.pop(place) for place in subjects if place in fields}
    places = [place for place in fields if may_tell(place)]  # before what rates is taken out
    found: list[object] = [rating_of_verdicts(fields), rating_of_stars(fields)]
    if not is_pair:
        found += (_of_rating(place, value) for place, value in fields.items() if _may_rate(name_of(place), value))
    ratings = [each for each in found if each is not None]
    _refuse_contradictions(ratings, places)
    rating = ratings[0] if ratings else None if is_pair else rating_of_lists(fields)
    for key in [*others]:
        if key not in fields and key not in kept:
            del others[key]
    return rating


def _refuse_contradictions(ratings: list[object], places: list[str]) -> None:
    numbers = [float(each) for each in ratings if isinstance(each, int | float | str)]
    if numbers and min(numbers) < _MIDDLE < max(numbers):
        raise DataError(f"{' and '.join(places)} contradict each other; keep the one that counts")


def _may_rate(name: str, value: object) -> bool:
    """Whether a field holds a rating, by its name; a number in another one than `rating` may be of any scale."""
    return name == _RATING or (isinstance(value, str) and value[:1].isalpha() and is_rating(name))


def _of_rating(place: str, value: object) -> object:
    """A held rating; None for one that is none from 1 to 5, as its scale is not known."""
    found = stated_rating(place, value)
    try:
        number = float(found) if isinstance(found, int | float | str) else None
    except ValueError:
        return None
    return found if number is not None and _SMALLEST <= number <= _LARGEST else None
