"""Preference pairs: OpenAI's rows for preference training, and rows with chosen and rejected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, NotRequired, TypedDict

from fine_tuning.data_io.blank_text import is_placeholder
from fine_tuning.data_io.broken_json import refuse_broken_json
from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.messages_in_text import Listed, listed_messages, turns_in_text, without_marks
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats import second_answers
from fine_tuning.data_io.formats.pair_scores import refuse_reversed
from fine_tuning.data_io.json_values import Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.key_meanings import CONVERSATIONS
from fine_tuning.data_io.messages import Message, Tool, content_text, length_of_request, prompt_messages
from fine_tuning.errors import DataError

NAME = "preference"
_ANSWER_KEYS = (
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("response_j", "response_k"),  # of StackExchange's paired answers, of which the first has more votes
)
_REQUEST_KEYS = ("prompt", "question", "instruction", "query", "messages", "conversations", "conversation", "input")
_OPENAI_KEYS = ("input", "preferred_output", "non_preferred_output")


class PreferenceInput(TypedDict):
    """The request that both responses answer."""

    messages: list[Message]
    tools: NotRequired[list[Tool]]


class PreferenceRow(TypedDict):
    """OpenAI's row for preference training."""

    input: PreferenceInput
    preferred_output: list[Message]
    non_preferred_output: list[Message]


class _Pair(NamedTuple):
    request: list[Message]
    tools: list[Tool] | None
    chosen: list[Message]
    rejected: list[Message]
    keys: tuple[str, ...]


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _is_openai(row) or _answer_keys(row) is not None or second_answers.is_half(row)


def _is_openai(row: Row) -> bool:
    return "preferred_output" in row and "input" in row


def _answer_keys(row: Row) -> tuple[str, str] | None:
    return next((pair for pair in _ANSWER_KEYS if pair[0] in row and pair[1] in row), None)


def calls(row: Row) -> Iterator[Call]:
    """The preferred call of a row, with the rejected response.

    Raises:
        DataError: it is malformed, has no question, or scores that say that the rejected response is the better one.
    """
    if not _is_openai(row) and _answer_keys(row) is None:
        row = second_answers.completed(row)
    if "response_k" in row and is_list(row.get("metadata")):  # addresses of the question and of those who answered
        row = {**row, "metadata": {"sources": row["metadata"]}}
    pair = _openai_pair(row) if _is_openai(row) else _chosen_pair(row)
    if pair.chosen == pair.rejected:
        raise DataError("both answers are the same")
    for answer in (pair.chosen, pair.rejected):
        _check_answer(answer)
    refuse_reversed(row)
    within = row["input"] if _is_openai(row) else {}
    beside = {key: value for key, value in object_or_empty(within).items() if key not in {"messages", "tools"}}
    yield call_from_row({**row, **beside}, pair.keys, [*pair.request, *pair.chosen], pair.tools, pair.rejected)


def _check_answer(answer: list[Message]) -> None:
    """Refuse what else than an answer stands behind what both have in common: each answers a conversation of its own.

    Raises:
        DataError: a message is not of the assistant.
    """
    if any(message.get("role") != "assistant" for message in answer):
        raise DataError(
            "the two conversations part before the last turn, so that their answers are to different requests; "
            "write both answers behind the same turns"
        )


def _openai_pair(row: Row) -> _Pair:
    given = row.get("input")
    if not is_object(given):
        raise DataError("input must be an object with messages")
    request = read_messages(given.get("messages"), "input.messages")
    chosen, rejected = (read_answer(row.get(key), key) for key in ("preferred_output", "non_preferred_output"))
    return _Pair(request, read_tools(given.get("tools")), chosen, rejected, _OPENAI_KEYS)


def _chosen_pair(row: Row) -> _Pair:
    """The request wherever the row has it: under a key of its own, in both answers, or in both places, once."""
    names = _answer_keys(row) or _ANSWER_KEYS[0]
    key = next((key for key in _REQUEST_KEYS if row.get(key)), None)
    prompt = row.get(key or "")
    listed = listed_messages(prompt)
    asks_in_chat = key in CONVERSATIONS or (listed is not None and listed.waits)
    answers = {name: listed_messages(row.get(name)) for name in names}
    is_chat = asks_in_chat or all(answers.values())
    chosen, rejected = (
        _answer(_side(row.get(name), found, is_chat=is_chat), name, prompt) for name, found in answers.items()
    )
    systems = [_texts_of(each[:1]) for each in (chosen, rejected) if each and each[0].get("role") == "system"]
    if len(systems) == len(names) and systems[0] != systems[1]:
        raise DataError("the system prompts of the two answers differ; a pair answers one request")
    request = [] if key is None else _request(row, key, _side(prompt, listed, is_chat=asks_in_chat))
    chosen, rejected = (_without_request(each, request) for each in (chosen, rejected))
    shared = 0
    while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
        shared += 1
    shared = min(shared, *(length_of_request(each) for each in (chosen, rejected)))
    within, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    if not any(message.get("role") == "user" for message in (*request, *within)):
        raise DataError(_no_question(row, key, names))
    if within:
        request = _not_repeated(request, within, key)
    keys = (*names, "tools", *(("instruction", "input") if key == "instruction" else (key,) if key else ()))
    return _Pair([*request, *within], read_tools(row.get("tools")), chosen, rejected, keys)


def _no_question(row: Row, key: str | None, names: Iterable[str]) -> str:
    """What a pair lacks, by the keys that it has."""
    if key is not None:
        return f"the pair has no question: {key} has no turn of the user (role and content, or from and value)"
    missing = f"the pair has no question: no {', '.join(_REQUEST_KEYS[:-1])}, and none in both answers"
    others = ", ".join(sorted(other for other in row if other not in names))
    return f"{missing}; it has {others}" if others else missing


def _without_request(answer: list[Message], request: list[Message]) -> list[Message]:
    """One of two answers, without the request where only this one repeats it: both may, see `_not_repeated`."""
    length = length_of_request(answer)
    prompt = request[: length_of_request(request)]
    own = [each for each in prompt if str(each.get("role")) not in {"system", "developer"}]
    is_repeated = length and _texts_of(answer[:length]) in (_texts_of(prompt), _texts_of(own))
    return answer[length:] if is_repeated else answer


def _not_repeated(request: list[Message], within: list[Message], key: str | None) -> list[Message]:
    """What the request says beyond the beginning of both answers.

    Raises:
        DataError: the two are different questions.
    """
    prompt = request[: length_of_request(request)]
    if _is_part(prompt, within):
        return []
    if _is_part(within, prompt[-len(within) :]):
        return prompt[: -len(within)]
    start = next(
        (at for at, each in enumerate(prompt) if str(each.get("role")) not in {"system", "developer"}), len(prompt)
    )
    if _is_part(prompt[start:], within):
        return prompt[:start]
    raise DataError(f"{key} asks something else than the conversations of the two answers")


def _is_part(turns: list[Message], whole: list[Message]) -> bool:
    """Whether turns are a run of other ones, such as their first question."""
    texts, all_texts = _texts_of(turns), _texts_of(whole)
    return any(all_texts[at : at + len(texts)] == texts for at in range(len(all_texts) - len(texts) + 1))


def _texts_of(messages: list[Message]) -> list[str]:
    return [content_text(message.get("content")).strip() for message in messages]


def _side(value: object, listed: Listed | None, *, is_chat: bool) -> object:
    """What a cell holds: messages as JSON where the pair is written so, else its text, which may be any JSON.

    Args:
        listed: the messages of the cell.
    """
    if not is_chat:
        return value
    found = parse_embedded_json(value) if listed is None else listed.value
    return value if isinstance(found, str) else found


def _request(row: Row, key: str, value: object) -> list[Message]:
    """The request under a key.

    Args:
        value: what its cell holds, as of `_side`.
    """
    if not isinstance(value, str):
        return read_messages(value, key)
    more = row.get("input") if key == "instruction" else None
    more = None if isinstance(more, str) and is_placeholder(more) else more
    if (turns := turns_in_text(value, key, is_question=False)) is not None:
        if isinstance(more, str) and more:
            raise DataError(f"{key} holds turns, and there is text of the question beside it; write it into a turn")
        return turns
    refuse_broken_json(value, key)
    return prompt_messages(f"{value}\n\n{more}" if isinstance(more, str) and more else value)


def _answer(value: object, key: str, prompt: object) -> list[Message]:
    """The turns of one answer, which may repeat its question.

    Args:
        prompt: the question, whose text may be written with marks, as that of the answer is then.
    """
    if not isinstance(value, str):
        return read_answer(value, key)
    if (turns := turns_in_text(value, key, is_question=False)) is not None:
        return turns
    return read_answer(without_marks(value, prompt) if isinstance(prompt, str) else value, key)


def row_of(
    request: list[Message], chosen: list[Message], rejected: list[Message], tools: Sequence[Tool] | None = None
) -> PreferenceRow:
    """A pair as OpenAI's row for preference training."""
    given: PreferenceInput = {"messages": request}
    if tools:
        given["tools"] = list(tools)
    return {"input": given, "preferred_output": chosen, "non_preferred_output": rejected}
