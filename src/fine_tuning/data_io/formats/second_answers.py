"""A second answer beside a conversation: the worse one of a pair whose better one is the row's own, or none of it.

Source: https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html, for pairs with `rejected_response`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeGuard

from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    as_number,
    is_list,
    is_object,
    parse_embedded_json,
    scalar_text,
)
from fine_tuning.data_io.key_meanings import CONVERSATIONS
from fine_tuning.data_io.messages import Message, content_text, length_of_request, whole_text
from fine_tuning.data_io.verdicts import is_positive
from fine_tuning.errors import DataError

_KINDS = """response responses answer answers output outputs completion completions message messages reply
    generation generations""".split()


def _spellings(words: str) -> frozenset[str]:
    """The names of an answer of one side: `bad_response`, `response-bad`, `badResponse`; those of pairs themselves."""
    stated = [pair for word in words.split() for kind in _KINDS for pair in (f"{word}_{kind}", f"{kind}_{word}")]
    cased = (each[:1] + each.title().replace("_", "")[1:] for each in stated)
    return frozenset((*stated, *(each.replace("_", "-") for each in stated), *cased))


_MAY_BE_VERDICTS = frozenset({"chosen", "rejected", "dispreferred"})  # as in `rejected: "yes"`
_WORSE = frozenset(("rejected", "dispreferred")) | _spellings(
    "rejected reject non_preferred nonpreferred not_preferred dispreferred unpreferred undesired losing "
    "negative bad worse worst"
)
_BETTER = frozenset(("chosen",)) | _spellings("chosen preferred accepted winning positive good better best")
_ANSWERS = ("response", "completion", "output", "answer")
_SECOND = ("response", "completion", "answer", "expected_output", "chosen", "chosen_response")
TARGETS = ("target", "targets", "target_text", "tgt", "expected", "expected_answer", "expected_response")
"""Columns of an answer beside another one; or of a class, a number or a language, which are facts."""
_LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")


def is_half(row: Row) -> bool:
    """Whether a row has a worse answer, and no field of its own for the better one."""
    return _worse_key(row) is not None


def completed(row: Row) -> Row:
    """The row with `chosen` and `rejected`, where one of its answers is the better one; another row as it is.

    Raises:
        DataError: it has no better answer, or several, or several worse ones.
    """
    key = _worse_key(row)
    if key is None:
        return row
    worse_keys, better_keys = (
        [each for each in row if each in names and _is_answer(each, row[each])] for names in (_WORSE, _BETTER)
    )
    worse = _one(row, worse_keys)
    others: JsonObject = {each: row[each] for each in row if each not in worse_keys and each not in better_keys}
    if better_keys:
        return {**others, "chosen": _one(row, better_keys), "rejected": worse}
    given = [each for each in _ANSWERS if _is_answer(each, row.get(each))]
    turns = next((each for each in CONVERSATIONS if is_list(parse_embedded_json(row.get(each)))), None)
    if turns is not None:
        messages = parse_embedded_json(row[turns])
        read = read_messages(messages, turns)
        length = length_of_request(read)
        # As they are given, messages also say why the answer ended.
        whole: list[object] = messages if is_list(messages) and len(messages) == len(read) else [*read]
        if length < len(read) and not given:
            return {**others, turns: whole[:length], "chosen": whole[length:], "rejected": worse}
        given += [turns] if length < len(read) else []
    if len(given) != 1:
        missing = f"may be {' or '.join(given)}" if given else "is missing"
        raise DataError(f"{key} is the worse answer of a pair, whose better one {missing}; write it as chosen")
    return {**others, given[0]: None, "chosen": row[given[0]], "rejected": worse}


def _worse_key(row: Row) -> str | None:
    """The field of the worse answer; None without one, as in most rows."""
    if _WORSE.isdisjoint(row):
        return None
    return next((key for key in row if key in _WORSE and _is_answer(key, row[key])), None)


def _one(row: Row, keys: list[str]) -> object:
    """The one answer in these fields.

    Raises:
        DataError: they hold several.
    """
    lists = [value if _is_list_of_texts(value) else [value] for value in (row[key] for key in keys)]
    several = [key for key, values in zip(keys, lists, strict=True) if len(values) > 1]
    if several or any(values != lists[0] for values in lists):
        named = f"{several[0]} holds" if several else f"{' and '.join(keys)} are"
        raise DataError(f"{named} several answers of one side of a pair; write a row for each pair")
    return lists[0][0]


def _is_list_of_texts(value: object) -> TypeGuard[list[object]]:
    return is_list(value) and bool(value) and all(isinstance(each, str) for each in value)


def _is_answer(key: str, value: object) -> bool:
    """Whether a field holds an answer: messages, or a text, which is no verdict."""
    parsed = parse_embedded_json(value)
    if is_object(parsed) or (is_list(parsed) and parsed and all(map(is_object, parsed))):
        return True
    if _is_list_of_texts(value):
        return key in _WORSE or key in _BETTER
    is_text = isinstance(value, str) and bool(value.strip())
    return is_text and not (key in _MAY_BE_VERDICTS and is_positive(value) is not None)


def _text_of(value: object) -> object:
    """The text of an answer that is one message; another value as it is."""
    one = value[0] if is_list(value) and len(value) == 1 else value
    return content_text(one["content"]) if is_object(one) and "role" in one and "content" in one else value


def refuse_second(row: Row, messages: list[Message], more: Iterable[str] = ()) -> None:
    """Refuse a second answer beside an answered conversation; what its answers contain, such as a result, is metadata.

    Args:
        more: other fields that hold an answer.

    Raises:
        DataError: the row has one; the message names its field.
    """
    stated = [key for key in (*_SECOND, *more) if key in row]
    if not stated or not messages or messages[-1].get("role") != "assistant":
        return
    answers = _texts(messages, is_answer=True)
    for key in stated:
        value = _text_of(row.get(key))
        if key in TARGETS:
            value = None if isinstance(value, bool) else scalar_text(value)
            if value is None or _is_fact(value, answers, _texts(messages, is_answer=False)):
                continue
        if isinstance(value, str) and _is_answer(key, value) and " ".join(value.split()) not in answers:
            raise DataError(
                f"{key} is another answer than those of the conversation: write a pair as chosen and rejected, "
                "or put it into metadata"
            )


def _texts(messages: list[Message], *, is_answer: bool) -> str:
    """The texts of the assistant, or those of all others, without line breaks."""
    chosen = (each for each in messages if (each.get("role") == "assistant") == is_answer)
    return " ".join(" ".join(whole_text(each).split()) for each in chosen)


def _is_fact(target: str, answers: str, prompts: str) -> bool:
    """Whether a target is none of the answer's kind: a language, a number beside words, or what the question says."""
    text = " ".join(target.split())
    is_number = as_number(text) is not None and as_number(answers.strip()) is None
    is_asked = bool(text) and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", prompts, re.IGNORECASE) is not None
    return is_number or is_asked or _LANGUAGE_CODE.fullmatch(text) is not None
