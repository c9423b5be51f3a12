"""Scores of an answer under other names than rating: stars are one, and those of an unknown scale are refused."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from fine_tuning.data_io.json_values import TRUE, JsonObject, Row, as_number
from fine_tuning.data_io.row_facts import facts_of, name_of
from fine_tuning.data_io.verdict_names import Says, is_foreign_rating, may_be_a_grade, says
from fine_tuning.errors import DataError

_OF = r"(?:user|human|star|overall|answer|response|feedback|customer|judge|grader|evaluator|evaluation|eval|model)?"
_STARS = re.compile(
    rf"(?:num)?stars|starscore|(?:star|user|human)rating|(?:csat|customersatisfaction|usersatisfaction)(?:score|rating)?|{_OF}(?:rating|score)(?:1to|outof|1)5"
)
_SCORES = re.compile(
    rf"{_OF}(?:score|rating|quality|helpfulness|preference|reaction|stars)(?:score|rating)?"
    r"(?:(?:[01](?:to)?|outof)(?:10|100))?|helpful|ishelpful|numstars|(?:answer|response|quality|letter)?grade"
    r"|correctness|coherence|honesty|truthfulness|faithfulness|instructionfollowing"  # HelpSteer's, UltraFeedback's
)
_REWARDS = re.compile(rf"{_OF}rewards?(?:score|value)?|(?:final|total|mean)reward|accuracy|groundedness|passrate")
_RATINGS = re.compile(rf"{_OF}rating")
_RANKS = re.compile(rf"{_OF}rank(?:ing)?")
_DRAWN = re.compile(r"([\u2605\u2b50\U0001f31f]+)([\u2606\u2729]*)")  # full stars and empty ones
_SHARE = re.compile(r"([1-5])(?:\.0)?\s*(?:stars?|(?:/|of|out of)\s*5(?:\.0)?(?:\s*stars?)?)", re.IGNORECASE)
_LARGEST = 5
_GRADES = re.compile(r"(?:answer|response|quality|letter)?grade")
_OPEN_GRADES = frozenset({"B", "C"})  # letters of a scale, or SimpleQA's for a wrong answer and for none
_FLAGS = frozenset("flag flags qualityflag needsreview requiresreview toreview reviewneeded isflag".split())
_LABELS = frozenset({"label", "labels"})  # of what the call is about, or of its answer
_MAYBE_CLASSES = frozenset({"0", "1", "-1", "0.0", "1.0"})
_LAST_RANK = 10  # of the answers to one question, where 0 or 1 is the best; a larger one is of something else
_GOOD_SHARE = 0.5  # of a scale to 1
_SHORT, _FEW_WORDS = 20, 3  # of a verdict in a language whose words are not known: characters and words


def rating_of_stars(others: JsonObject) -> int | None:
    """The rating in a field of 1 to 5 stars, which is taken out of `others`; None without one."""
    for key, value in others.items():
        if not isinstance(value, int | float | str):  # as those of other kinds are no stars
            continue
        name = name_of(key)
        number = as_number(value) if _STARS.fullmatch(name) else None
        if isinstance(value, str) and number is None and (_STARS.fullmatch(name) or _SCORES.fullmatch(name)):
            number = stars_in(value)
        if number is not None and number in range(1, _LARGEST + 1):
            del others[key]
            return int(number)
    return None


def stars_in(text: str) -> int | None:
    """The stars of a text that draws them, or counts them of five, as `2/5` and `2 stars` do; None for another text."""
    stripped = text.strip()
    if found := _SHARE.fullmatch(stripped):
        return int(found[1])
    drawn = _DRAWN.fullmatch(stripped.replace("\ufe0f", "").replace(" ", ""))
    is_whole = drawn is not None and len(drawn[0]) <= _LARGEST and len(drawn[2]) in (0, _LARGEST - len(drawn[1]))
    return len(drawn[1]) if drawn is not None and is_whole else None


@lru_cache(maxsize=4096)
def is_rating(name: str) -> bool:
    """Whether a field of this name (see `row_facts.name_of`) rates an answer by its name: `human_rating`."""
    return _RATINGS.fullmatch(name) is not None


@lru_cache(maxsize=8192)
def may_score(key: str) -> bool:
    """Whether a field can be a score of an answer."""
    name = name_of(key)
    found = (pattern.fullmatch(name) for pattern in (_STARS, _SCORES, _REWARDS, _RANKS))
    return name in _FLAGS or name in _LABELS or any(each is not None for each in found) or _is_of_a_scale(name)


@lru_cache(maxsize=4096)
def _is_of_a_scale(name: str) -> bool:
    """Whether a number in a field may be of any scale, by the words that the name is composed of."""
    is_opinion = says(name) in (Says.SCALE, Says.OPINION) and "vote" not in name
    return is_opinion or is_foreign_rating(name) or may_be_a_grade(name)


def unclear(metadata: Row, subjects: Collection[str] = ()) -> dict[str, object]:
    """The scores in the metadata of a call that may be bad ones, by their place: whether they are, their scale says.

    Args:
        subjects: fields that are what the conversation is about.
    """
    found = (fact for fact in facts_of(metadata, may_score) if fact.place not in subjects)
    return {fact.place: fact.value for fact in found if _is_unclear(fact.name, fact.value)}


def refuse_unclear(metadata: Row, subjects: Collection[str] = ()) -> None:
    """Refuse a score that may be a bad one.

    Args:
        metadata, subjects: as of `unclear`.

    Raises:
        DataError: there is one; the message names it.
    """
    if found := unclear(metadata, subjects):
        stated = ", ".join(f"{place} is {value!r}" for place, value in found.items())
        raise DataError(
            f"{stated}, whose scale is not known; add a column rating from 1 to 5 (for scores of 0 to 4, "
            "the score plus 1), or pass --rating and a number from 1 to 5 for all rows without a rating"
        )


def _is_unclear(name: str, value: object) -> bool:
    """Whether a score may be a bad one; one above half of a scale to 1, or above 5, is none."""
    if name in _FLAGS or name in _LABELS:
        word = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
        return word in (TRUE if name in _FLAGS else _MAYBE_CLASSES)
    if isinstance(value, str) and value.strip().upper() in _OPEN_GRADES:
        return _GRADES.fullmatch(name) is not None
    number = as_number(value)
    if _RANKS.fullmatch(name):
        return number is not None and 1 < number <= _LAST_RANK
    if number is None and isinstance(value, str) and is_foreign_rating(name):
        return 0 < len(value.strip()) <= _SHORT and len(value.split()) <= _FEW_WORDS  # and no remark
    if number is None or number > _LARGEST or _GOOD_SHARE < number < 1:
        return False
    if _REWARDS.fullmatch(name):
        return number < 1  # as all of a scale to 1
    return _SCORES.fullmatch(name) is not None or _STARS.fullmatch(name) is not None or _is_of_a_scale(name)
