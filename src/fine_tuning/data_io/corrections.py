"""Better answers that people wrote beside those of a model: which fields hold them, and what they make of a call."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects.messages_in_text import Side, answer_in_text
from fine_tuning.data_io.json_values import JsonObject, Row, scalar_text, to_json_text
from fine_tuning.data_io.messages import Message, length_of_request, whole_text
from fine_tuning.data_io.times import parse_time
from fine_tuning.data_io.verdicts import is_positive
from fine_tuning.errors import DataError

ANSWERED = ("response", "completion", "answer", "output", "generation")
"""Fields of the answer."""
WRITTEN_BY_HAND = 5  # the rating of a corrected answer
_TEXTS = frozenset((*ANSWERED, "reply", "text", "message", "responses", "solution"))
_ALONE = frozenset("correction corrected rewrite".split())
_CORRECTED = frozenset(
    "corrected correction edited revised rewritten fixed improved modified updated better preferred".split()
)
# Questions to annotators are about the answer, and ask for more.
_REQUESTED_ALONE = _ALONE | frozenset("rewriting revision edit correct".split())
_REQUESTED = (
    _REQUESTED_ALONE
    | _CORRECTED
    | frozenset("new best final gold golden ideal suggested human good expected proposed alternative".split())
)
_NOTHING = frozenset("none n/a na null nil ok okay same unchanged".split())
_NO_LETTERS = re.compile(r"[\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def asks_for_correction(question: str) -> bool:
    """Whether a question to annotators asks, by its name, for a better answer, and not for whether or why there is."""
    return _is_named(question, _REQUESTED_ALONE, _REQUESTED)


@lru_cache(maxsize=4096)  # a table has the same fields in every row
def holds_correction(field: str) -> bool:
    """Whether a field beside an answer holds, by its name, a better one: `corrected_response`, `editedAnswer`."""
    return _is_named(field, _ALONE, _CORRECTED)


def _is_named(name: str, alone: Collection[str], beside: Collection[str]) -> bool:
    words = _NO_LETTERS.split(_CAMEL.sub(" ", name).lower())
    *more, last = [each for each in words if each] or [""]
    if last in _TEXTS:
        return any(each in beside for each in more) and all(each in beside or each in _TEXTS for each in more)
    return last in alone and _TEXTS.issuperset(more)


def corrected(call: Call, row: Row) -> Call:
    """The call with the answer that stands corrected beside it: that is rated as written, and the other one rejected.

    Raises:
        DataError: two fields hold different corrections.
    """
    fields = [key for key in call.metadata if key in row and holds_correction(key)]
    if not fields or call.rejected is not None:
        return call
    length = length_of_request(call.messages)
    answer = call.messages[length:]
    answers = [_plain(whole_text(each)) for each in answer]
    texts = {key: text for key in fields if (text := _correction(call.metadata[key], answers)) is not None}
    found = {key: answer_in_text(Side(key, text), is_chat=False) for key, text in texts.items()}
    metadata: JsonObject = {each: value for each, value in call.metadata.items() if each not in fields}
    return replace(_rewritten(call, found), metadata=metadata) if found else call


def corrected_by(call: Call, written: Iterable[tuple[str, object]]) -> Call:
    """The call with the answer that somebody wrote for it where a tracer keeps such corrections.

    Args:
        written: where it stands, and the correction itself: a text, also of JSON, or messages.

    Raises:
        DataError: there are different ones.
    """
    stated = [(label, each) for label, each in written if each]
    if not stated:  # as of most calls
        return call
    length = length_of_request(call.messages)
    own_texts = [_plain(whole_text(each)) for each in call.messages[length:]]
    texts = {label: text for label, each in stated if (text := _correction(to_json_text(each), own_texts))}
    answers = {label: answer_in_text(Side(label, text), is_chat=True) for label, text in texts.items()}
    found = {label: each for label, each in answers.items() if [_plain(whole_text(one)) for one in each] != own_texts}
    return _rewritten(call, found) if found else call


def _rewritten(call: Call, found: Mapping[str, list[Message]]) -> Call:
    """The call with the corrected answer, which different fields have to agree on."""
    answer = next(iter(found.values()))
    if any(
        [_plain(whole_text(each)) for each in one] != [_plain(whole_text(each)) for each in answer]
        for one in found.values()
    ):
        raise DataError(f"{' and '.join(found)} are different corrections of one answer; write the one that counts")
    length = length_of_request(call.messages)
    return replace(
        call,
        messages=[*call.messages[:length], *answer],
        rejected=call.messages[length:] or None,
        rating=WRITTEN_BY_HAND,
        finish_reason=None,
    )


def _correction(value: object, answers: list[str]) -> str | None:
    """The text of a correction; None for the answer itself, and for what says whether or when there is one.

    Args:
        answers: the texts of the answer. One that is a verdict or a number itself may be corrected by another.
    """
    text = None if isinstance(value, bool) else scalar_text(value)
    if text is None or _plain(text) in ("", *answers):
        return None
    is_fact = not isinstance(value, str) or _is_verdict(text) or _is_time(text)
    return None if is_fact and not any(_is_verdict(each) or _is_number(each) for each in answers) else text


def _is_verdict(text: str) -> bool:
    word = text.strip().lower()
    return word in _NOTHING or not any(map(str.isalnum, word)) or is_positive(text) is not None


def _is_time(text: str) -> bool:
    return not _is_number(text) and parse_time(text) is not None


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-+").replace(".", "", 1).isdigit()


def _plain(text: str) -> str:
    return " ".join(text.split())
