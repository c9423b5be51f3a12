"""Ratings that a row has in a list: of one or several people, or scores with names."""

from __future__ import annotations

from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.key_meanings import folded
from fine_tuning.data_io.row_facts import name_of
from fine_tuning.data_io.score_fields import stars_in
from fine_tuning.data_io.verdicts import THUMBS_DOWN, THUMBS_UP, is_positive
from fine_tuning.errors import DataError

STARS = frozenset({"rating", "user_rating", "quality", "stars"})
THUMBS = frozenset({"feedback", "user_feedback", "thumbs", "thumbs_up", "user_score"})
_RATINGS = frozenset({"ratings", "userratings", "humanratings"})
_SCORES = frozenset({"feedbackscores", "scores", "userscores", "humanscores"})
_NAMES, _VALUES = ("name", "key", "label", "aspect"), ("value", "score", "rating")
_LARGEST = 5
_OF_WORDS = {
    **dict.fromkeys("excellent great perfect very_good outstanding".split(), THUMBS_UP),
    **dict.fromkeys("neutral average fair okay ok medium".split(), 3),
    **dict.fromkeys("terrible awful useless unacceptable very_bad very_poor low".split(), THUMBS_DOWN),
}


def may_list_ratings(name: str) -> bool:
    """Whether a field of this name (see `row_facts.name_of`) can hold a rating, or a list of ratings or of scores."""
    return name == "rating" or name in _RATINGS or name in _SCORES


def stated_rating(key: str, value: object) -> object:
    """The rating in a field that may be a list, draw stars, or say it in a word; another value as it is.

    Raises:
        DataError: the ratings in it differ, or their scale is open; the message names the field.
    """
    found = parse_embedded_json(value) if isinstance(value, str) and value.lstrip()[:1] == "[" else value
    if not is_list(found):
        return _of_word(value)
    ratings = [_of_score(key, each) if is_object(each) else each for each in found]
    if any(isinstance(each, list | dict) for each in ratings):
        raise DataError(f"{key} must be a number from 1 to 5, not {value!r}")
    different = {str(each): each for each in ratings if each not in (None, "")}
    if len(different) > 1:
        raise DataError(f"{key} has several ratings ({', '.join(different)}); write the one that counts")
    return _of_word(next(iter(different.values()), None))


def _of_word(value: object) -> object:
    """The rating that stars, a word or a thumb is; a number as it is, as it counts from 1 to 5."""
    if isinstance(value, int | float) and value == -1:
        return THUMBS_DOWN
    if not isinstance(value, str):
        return value
    if (stars := stars_in(value)) is not None:
        return stars
    word = folded(value)
    if word in _OF_WORDS:
        return _OF_WORDS[word]
    verdict = None if value.strip()[:1].isdigit() else is_positive(value)  # as 1 is the worst of five
    return value if verdict is None else THUMBS_UP if verdict else THUMBS_DOWN


def rating_of_lists(others: JsonObject) -> object:
    """The rating in other lists of ratings, or of scores that have the name of one; None without any.

    Scores of other names say nothing of the answer as a whole, and stay metadata.

    Raises:
        DataError: the ratings differ, or their scale is open; the message names the field.
    """
    for key, value in others.items():
        if not isinstance(value, list | str):  # as most are not
            continue
        name = name_of(key)
        if name in _RATINGS and is_list(parse_embedded_json(value)):
            return stated_rating(key, value)
        scores = parse_embedded_json(value) if name in _SCORES else None
        if is_list(scores):
            known = [each for each in scores if is_object(each) and _name(each) in STARS | THUMBS]
            if known:
                return stated_rating(key, [*known])
    return None


def _name(score: Row) -> str:
    return folded(str(first_value(score, *_NAMES) or ""))


def _of_score(key: str, score: Row) -> object:
    """The rating of a score: a thumb by its name, or 2 to 5 stars; one star may as well be all of a scale to 1."""
    value = next((score[each] for each in _VALUES if score.get(each) is not None), None)
    name = _name(score)
    if name in THUMBS and (verdict := is_positive(value)) is not None:
        return THUMBS_UP if verdict else THUMBS_DOWN
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 < value <= _LARGEST:
        return value
    raise DataError(f"{key} has {name or 'a score'} {value!r}, whose scale is not known; write a rating from 1 to 5")
