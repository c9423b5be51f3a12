"""Fields with the name of a verdict that are what a conversation is about: a review's stars, an essay's grade, a class.

Such a field is no rating where the question speaks of it and the answer says its value: it is kept, and named.
A row of a classifier is one whose answer is a few words, or an object, that say so: `toxic`, `No`, `{"toxic": false}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fine_tuning.data_io.json_values import Row, is_object, parse_embedded_json, scalar_text
from fine_tuning.data_io.messages import Message, content_text, length_of_request
from fine_tuning.data_io.row_facts import Fact, facts_of, name_of
from fine_tuning.data_io.verdict_names import is_foreign_rating, may_be_a_grade
from fine_tuning.data_io.verdicts import is_positive

_BAD_STARS, _GOOD_STARS = ("1", "2"), ("4", "5")
_ASKED = {
    **dict.fromkeys(
        ("stars", "numstars", "starrating"), re.compile(r"\bstars?\b|\breview|\brat(?:e|ing)\b", re.IGNORECASE)
    ),
    **dict.fromkeys(("grade", "lettergrade"), re.compile(r"\bgrad(?:e|es|ed|ing)\b|\bessay|\bexam\b", re.IGNORECASE)),
    **dict.fromkeys(
        ("review", "reviewresult"), re.compile(r"\breview|\bpaper|\bsubmission|\baccept|\breject", re.IGNORECASE)
    ),
}
_LABELS = frozenset({"label", "labels"})  # as ratings in other languages, where the answer alone tells
_A_FEW_WORDS, _A_SENTENCE = 3, 6


class _Class(NamedTuple):
    """What the truth value of a field says in words: patterns of a question for it, of true and of false."""

    asked: str
    true: str
    false: str


_TOXIC = _Class(r"toxic", r"toxic", r"safe|clean|benign|harmless")
_SAFE = _Class(r"safe|harm|toxic", r"safe|harmless", r"unsafe|harmful|dangerous|toxic")
_UNSAFE = _Class(_SAFE.asked, _SAFE.false, _SAFE.true)
_CORRECT = _Class(r"(?:in)?correct", r"correct|right", r"incorrect|wrong")
_ACCEPTED = _Class(r"accept|reject|approv", r"accept(?:ed|able)?|approved?", r"reject(?:ed)?|declined?|denied|refused?")
_CLASSES = {
    **dict.fromkeys(("toxic", "istoxic"), _TOXIC),
    **dict.fromkeys(("safe", "issafe"), _SAFE),
    **dict.fromkeys(("unsafe", "isunsafe", "harmful", "isharmful"), _UNSAFE),
    **dict.fromkeys(("flagged", "isflagged"), _Class(r"flag", r"flag(?:ged)?", _SAFE.true)),
    **dict.fromkeys(("valid", "isvalid"), _Class(r"(?:in)?valid", r"valid", r"invalid")),
    **dict.fromkeys(("correct", "iscorrect"), _CORRECT),
    **dict.fromkeys(("incorrect", "isincorrect"), _Class(_CORRECT.asked, _CORRECT.false, _CORRECT.true)),
    **dict.fromkeys(("accepted", "isaccepted", "approved", "isapproved"), _ACCEPTED),
    **dict.fromkeys(("rejected", "isrejected"), _Class(_ACCEPTED.asked, _ACCEPTED.false, _ACCEPTED.true)),
}
_YES_NO = {**dict.fromkeys(("yes", "true", "1", "1.0"), True), **dict.fromkeys(("no", "false", "0", "0.0"), False)}


def of_subject(rows: Iterable[Row], messages: Sequence[Message]) -> set[str]:
    """The places of the fields that the conversation is about, such as `stars` and `metadata.toxic`.

    Args:
        rows: the fields beside the conversation, in one or more objects.
    """
    stated = [fact for row in rows for fact in facts_of(row, _may_be_of_subject)]
    if not stated:
        return set()
    length = length_of_request(messages)
    asked, answered = (
        " ".join(content_text(each.get("content")) for each in part) for part in (messages[:length], messages[length:])
    )
    return {fact.place for fact in stated if _is_of(fact, asked, answered)}


def _may_be_of_subject(key: str) -> bool:
    name = name_of(key)
    return name in _ASKED or name in _CLASSES or _is_of_answer(name)


def _is_of_answer(name: str) -> bool:
    return name in _LABELS or is_foreign_rating(name) or may_be_a_grade(name)


def _is_of(fact: Fact, asked: str, answered: str) -> bool:
    text = scalar_text(fact.value)
    if not text:
        return False
    if (of_class := _CLASSES.get(fact.name)) is not None:
        return _is_of_class(of_class, Fact(fact.name, fact.place, text), asked, answered)
    return not isinstance(fact.value, bool) and _is_stated(fact.name, text, asked, answered)


def _is_of_class(of_class: _Class, fact: Fact, asked: str, answered: str) -> bool:
    if not re.search(rf"\b(?:{of_class.asked})|\b(?:un|non-?)(?:{of_class.asked})", asked, re.IGNORECASE):
        return False
    parsed = parse_embedded_json(answered)
    found = [answered] if not is_object(parsed) else [each for key, each in parsed.items() if name_of(key) == fact.name]
    truths = [_truth(of_class, scalar_text(each) or "") for each in found]
    return bool(truths) and truths[0] is not None and truths[0] == _truth(of_class, str(fact.value))


def _truth(of_class: _Class, text: str) -> bool | None:
    """What a few words say; None if nothing."""
    words = text.lower().split()
    if not words or len(words) > _A_SENTENCE:
        return None
    if (truth := _YES_NO.get(words[0].strip(" .,!:;"))) is not None:
        return truth
    negated = rf"\b(?:not|non|\w+n['\u2019]t)[ -]*(?:\w+ )?(?:{of_class.true})\b"
    if re.search(rf"{negated}|\b(?:{of_class.false})\b", " ".join(words)):
        return False
    return True if re.search(rf"\b(?:{of_class.true})\b", " ".join(words)) else None


def _is_stated(name: str, text: str, asked: str, answered: str) -> bool:
    word = text.strip().removesuffix(".0")
    is_bare = len(answered.split()) <= _A_FEW_WORDS
    if _is_of_answer(name):
        return is_bare and answered.strip(" .!\n").casefold() == word.casefold()
    if not _ASKED[name].search(asked):
        return False
    if "star" in name:
        counted = re.search(rf"(?<![\w.]){re.escape(word)}[ -]*stars?\b", f"{asked} {answered}", re.IGNORECASE)
        verdict = is_positive(answered.strip(" .!\n")) if is_bare else None
        has_verdict = verdict is not None and word in (_GOOD_STARS if verdict else _BAD_STARS)
        return counted is not None or has_verdict or (is_bare and word in answered.split())
    flags = 0 if len(word) == 1 else re.IGNORECASE
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", answered, flags) is not None
