"""A second answer beside a conversation: the worse one of a pair whose better one is the row's own, or none of it.

Source: https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html, for pairs with `rejected_response`.
"""

from __future__ import annotations

from collections.abc import Iterable

from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, content_text, length_of_request, whole_text
from fine_tuning.data_io.verdicts import is_positive
from fine_tuning.errors import DataError

_WORSE = ("rejected", "rejected_response", "rejected_messages", "response_rejected", "rejected_answer")
_PAIRED = frozenset({"chosen", "chosen_response", "response_chosen", "chosen_messages", "preferred_output"})
_MAY_BE_VERDICTS = frozenset({"chosen", "rejected"})  # as in `rejected: "yes"`; of `rejected_response` it is the text
_TURNS = ("messages", "conversations", "conversation")
_ANSWERS = ("response", "completion", "output", "answer")
_SECOND = ("response", "completion", "answer", "expected_output", "chosen", "chosen_response")


def is_half(row: Row) -> bool:
    """Whether a row has a worse answer, and no field of its own for the better one."""
    return _worse_key(row) is not None


def completed(row: Row) -> Row:
    """The row with `chosen` and `rejected`, where one of its answers is the better one; another row as it is.

    Raises:
        DataError: it has no better answer, or several.
    """
    worse = _worse_key(row)
    if worse is None:
        return row
    others: JsonObject = {key: value for key, value in row.items() if key != worse}
    given = [key for key in _ANSWERS if _is_answer(key, row.get(key))]
    turns = next((key for key in _TURNS if is_list(parse_embedded_json(row.get(key)))), None)
    if turns is not None:
        messages = parse_embedded_json(row[turns])
        read = read_messages(messages, turns)
        length = length_of_request(read)
        # As they are given, messages also say why the answer ended.
        whole: list[object] = messages if is_list(messages) and len(messages) == len(read) else [*read]
        if length < len(read) and not given:
            return {**others, turns: whole[:length], "chosen": whole[length:], "rejected": row[worse]}
        given += [turns] if length < len(read) else []
    if len(given) != 1:
        better = f"may be {' or '.join(given)}" if given else "is missing"
        raise DataError(f"{worse} is the worse answer of a pair, whose better one {better}; write it as chosen")
    return {**others, given[0]: None, "chosen": row[given[0]], "rejected": row[worse]}


def _worse_key(row: Row) -> str | None:
    if not _PAIRED.isdisjoint(row):
        return None
    return next((key for key in _WORSE if key in row and _is_answer(key, row[key])), None)


def _is_answer(key: str, value: object) -> bool:
    """Whether a field holds an answer: messages, or a text, which is no verdict."""
    parsed = parse_embedded_json(value)
    if is_list(parsed):
        return bool(parsed) and all(map(is_object, parsed))
    if is_object(parsed):
        return True
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
    answers = " ".join(" ".join(whole_text(each).split()) for each in messages if each.get("role") == "assistant")
    for key in stated:
        value = _text_of(row.get(key))
        if isinstance(value, str) and _is_answer(key, value) and " ".join(value.split()) not in answers:
            raise DataError(
                f"{key} is another answer than those of the conversation: write a pair as chosen and rejected, "
                "or put it into metadata"
            )
