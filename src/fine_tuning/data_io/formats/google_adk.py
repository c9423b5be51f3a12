"""Sessions of Google's Agent Development Kit: the events between a user and agents, in snake or camel case.

Source: https://google.github.io/adk-docs/events/ and the models Session and Event of google-adk
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_messages, with_plain_texts
from fine_tuning.data_io.dialects.found_by_host import refuse_found
from fine_tuning.data_io.finish_reasons import BROKEN_OFF, finish_reason
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

NAME = "google-adk"
_NAMES = {"id": "session_id", "appName": "app_name", "userId": "user_id"}  # as metadata has them
_TIMES = ("lastUpdateTime", "last_update_time")
_CALL_KEYS = ("functionCall", "function_call", "functionResponse", "function_response")
_OF_ADK = {"adk_request_credential", "adk_request_confirmation", "adk_request_input"}  # never sent to a model


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    events = parse_embedded_json(row.get("events"))
    if is_list(events):
        return any(is_object(each) and "author" in each for each in events)
    return "author" in row and ("invocationId" in row or "invocation_id" in row)


def calls(row: Row) -> Iterator[Call]:
    """The call of a session: all of it, up to the last answer of an agent.

    The agents' answers are the assistant's, whichever agent gave them; their names are metadata.

    Raises:
        DataError: it is malformed, has no answer, or is an event without its session.
    """
    given = parse_embedded_json(row.get("events"))
    if not is_list(given):
        raise DataError("the row is one event of a session; write all events of a session into one row, as events")
    events = _kept_events(given)
    messages = with_plain_texts(read_messages([_message(each) for each in events], "events"))
    while messages and messages[-1].get("role") != "assistant":
        messages.pop()  # what no agent has answered yet
    if not messages:
        raise DataError("the session has no answer of an agent")
    answers = [each for each in events if each.get("author") != "user"]
    last = answers[-1]
    beside = {_NAMES.get(key, key): value for key, value in row.items() if key not in {"events", *_TIMES}}
    agents = list(dict.fromkeys(str(each.get("author")) for each in answers))
    yield replace(
        call_from_row({**beside, "agents": agents}, (), messages),
        model=first_value(last, "modelVersion", "model_version"),
        captured_at=first_value(row, *_TIMES) or last.get("timestamp"),
        finish_reason=_reason(last, is_whole=not _is_partial(object_or_empty(given[-1]))),
        usage=usage_of(first_value(last, "usageMetadata", "usage_metadata")),
    )


def _kept_events(events: list[object]) -> list[JsonObject]:
    """The events with a content, without pieces of a stream, and without those that a later one takes back."""
    found: list[JsonObject] = []
    for each in events:
        if not is_object(event := parse_embedded_json(each)):
            raise DataError("events must be a list of objects")
        actions = object_or_empty(event.get("actions"))
        back_to = first_value(actions, "rewindBeforeInvocationId", "rewind_before_invocation_id")
        if back_to is not None:
            found = found[: next((at for at, one in enumerate(found) if _invocation(one) == back_to), len(found))]
        elif _parts(event) and not _is_partial(event):
            found.append(event)
    return found


def _is_partial(event: Row) -> bool:
    return event.get("partial") is True


def _invocation(event: Row) -> object:
    return first_value(event, "invocationId", "invocation_id")


def _parts(event: Row) -> list[object]:
    """The parts of an event, without calls of ADK's own."""
    parts = parse_embedded_json(object_or_empty(parse_embedded_json(event.get("content"))).get("parts"))
    given = parts if is_list(parts) else []
    return [each for each in given if _called(each).get("name") not in _OF_ADK]


def _called(part: object) -> Row:
    return object_or_empty(first_value(object_or_empty(part), *_CALL_KEYS))


def _message(event: JsonObject) -> JsonObject:
    """An event as a message: results of tools are the user's, whichever agent has called them."""
    refuse_found(event, "the event")
    parts = _parts(event)
    is_result = all(first_value(object_or_empty(part), *_CALL_KEYS[2:]) for part in parts)
    return {"role": "user" if event.get("author") == "user" or is_result else "model", "parts": parts}


def _reason(last: Row, *, is_whole: bool) -> str | None:
    has_failed = last.get("interrupted") is True or first_value(last, "errorCode", "error_code") is not None
    if has_failed or not is_whole:
        return BROKEN_OFF
    return finish_reason(first_value(last, "finishReason", "finish_reason"))
