"""OpenAI's training rows: {"messages": [...], "tools": [...]}, also with the fields of a captured example.

Logs have the answer beside the messages of the request: as text, or as the response of any vendor's API.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fine_tuning.data_io.call import Call, Choice, call_from_row, is_record
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.finish_reasons import strictest
from fine_tuning.data_io.formats import event_stream, vendor_response
from fine_tuning.data_io.formats.begun_answers import continued, is_begun
from fine_tuning.data_io.formats.gateway_exchange import read_response
from fine_tuning.data_io.formats.second_answers import refuse_second
from fine_tuning.data_io.json_values import Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.key_meanings import Meaning, meaning_of
from fine_tuning.data_io.messages import Message, Tool, whole_text
from fine_tuning.errors import DataError

NAME = "openai"
_RECORD = ("prompt", "response", "id", "curated", "sightings", "last_seen_at")
_KEYS = ("messages", "tools")
_ANSWER_KEYS = ("response", "completion", "output", "answer")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return is_list(parse_embedded_json(row.get("messages")))


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; the functions of OpenAI's earlier training rows are tools. One that failed is none.

    Raises:
        DataError: it is malformed.
    """
    messages, tools = read_messages(row.get("messages"), "messages"), read_tools(row.get("tools"))
    if is_record(row):  # its prompt and response repeat messages
        yield call_from_row(row, (*_KEYS, *_RECORD), messages, tools)
        return
    is_answered = _is_answered(messages) and not is_begun(messages)
    key = None if is_answered else next((key for key in _ANSWER_KEYS if row.get(key)), None)
    if key is None:
        yield _answered(row, messages, tools)
        return
    response = _response(row[key])
    if vendor_response.is_failed(object_or_empty(response)):
        return
    choice = _answer(key, response)
    call = call_from_row(row, (*_KEYS, key), continued(messages, choice.messages), tools)
    reason = strictest([choice.finish_reason, call.finish_reason])
    stated = object_or_empty(response).get("model")
    yield replace(call, finish_reason=reason, usage=choice.usage, model=stated or call.model)


def _answered(row: Row, messages: list[Message], tools: list[Tool] | None) -> Call:
    """The call of messages that end with their answer, which may stand beside them once more, as its response."""
    given = {key: row[key] for key in _ANSWER_KEYS if key in row}
    beside = {key: found for key, value in given.items() if (found := _response_beside(value)) is not None}
    refuse_second({**row, **{key: whole_text(each.messages[0]) for key, each in beside.items()}}, messages, beside)
    call = call_from_row(row, _KEYS, messages, tools)
    reasons = [each.finish_reason for each in beside.values()]
    return replace(call, finish_reason=strictest([*reasons, call.finish_reason])) if beside else call


def stands_alone(row: Row) -> bool:
    """Whether a row has nothing beside its messages and tools that belongs to their conversation."""
    beside = [key for key, value in row.items() if value is not None and key not in _KEYS]
    return not any(key in _ANSWER_KEYS or meaning_of(key) not in (None, Meaning.OPTION) for key in beside)


def _is_answered(messages: list[Message]) -> bool:
    return not messages or messages[-1].get("role") not in {"user", "tool"}


def _response_beside(given: object) -> Choice | None:
    """The answer in the response of an API, where a value is one."""
    body = vendor_response.body_of(given) if is_object(parse_embedded_json(given)) else {}
    if vendor_response.kind_of(body) is None or vendor_response.is_failed(body):
        return None
    return vendor_response.read_response(body)


def _response(given: object) -> object:
    """The response of an API, also as text; another text is the answer itself, also where it is JSON."""
    parsed = event_stream.joined(parse_embedded_json(given))
    body = object_or_empty(parsed)
    is_known = vendor_response.kind_of(body) is not None or is_object(body.get("error"))
    return parsed if is_known or not isinstance(given, str) else given


def _answer(key: str, response: object) -> Choice:
    try:
        return read_response(response)
    except DataError as error:
        raise DataError(f"{key} beside messages cannot be read as their answer: {error}") from None
