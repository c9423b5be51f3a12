"""Fields with the name of a verdict that are what a conversation is about: a review's stars, an essay's grade, a class.

Such a field is no rating where the question speaks of it and the answer says its value: it is kept, and named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fine_tuning.data_io.json_values import Row, scalar_text
from fine_tuning.data_io.messages import Message, content_text, length_of_request
from fine_tuning.data_io.row_facts import name_of
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
    **dict.fromkeys(("label", "labels"), re.compile("")),  # the answer alone tells whether it is one
}
_A_FEW_WORDS = 3


def of_subject(fields: Row, messages: Sequence[Message]) -> set[str]:
    """The names of fields that the conversation is about."""
    stated = {key: value for key, value in fields.items() if name_of(key) in _ASKED}
    if not stated:
        return set()
    length = length_of_request(messages)
    asked, answered = (
        " ".join(content_text(each.get("content")) for each in part) for part in (messages[:length], messages[length:])
    )
    return {key for key, value in stated.items() if _is_of(name_of(key), value, asked, answered)}


def _is_of(name: str, value: object, asked: str, answered: str) -> bool:
    text = None if isinstance(value, bool) else scalar_text(value)
    if not text or not _ASKED[name].search(asked):
        return False
    word = text.strip().removesuffix(".0")
    is_bare = len(answered.split()) <= _A_FEW_WORDS
    if name in ("label", "labels"):
        return is_bare and answered.strip(" .!\n").casefold() == word.casefold()
    if "star" in name:
        counted = re.search(rf"(?<![\w.]){re.escape(word)}[ -]*stars?\b", f"{asked} {answered}", re.IGNORECASE)
        verdict = is_positive(answered.strip(" .!\n")) if is_bare else None
        has_verdict = verdict is not None and word in (_GOOD_STARS if verdict else _BAD_STARS)
        return counted is not None or has_verdict or (is_bare and word in answered.split())
    flags = 0 if len(word) == 1 else re.IGNORECASE
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", answered, flags) is not None
