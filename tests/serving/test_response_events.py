"""The events of a response from an engine's chunks, read by the types of OpenAI's SDK."""

from __future__ import annotations

from typing import Any

from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from fine_tuning.server.begun_response import begun
from fine_tuning.server.response_request import ResponseRequest
from fine_tuning.serving.wires.response_events import Event, ResponseEvents

READER: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def answering() -> ResponseEvents:
    return ResponseEvents(begun(ResponseRequest(model="m", input="q")))


def chunk(delta: Any, reason: str | None = None) -> Any:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def call(index: int, arguments: str, name: str | None = None) -> Any:
    begins: Any = {"id": f"call_{index}", "type": "function"} if name else {}
    return {"tool_calls": [{"index": index, **begins, "function": {"name": name, "arguments": arguments}}]}


def read(events: list[Event]) -> list[Any]:
    """The events as the SDK reads and accumulates them."""
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    found = [READER.validate_python(event) for event in events]
    for event in found:
        state.handle_event(event)
    assert [event.sequence_number for event in found] == list(range(len(found)))
    return found


def test_text_beside_calls_becomes_items_in_order() -> None:
    answer = answering()
    events = answer.add({"choices": []})
    assert events == []
    for delta in (
        {"role": "assistant", "content": ""},
        {"content": "Let me "},
        {"content": "see."},
        call(0, "", "weather"),
        call(0, '{"a":'),
        call(0, " 1}"),
        call(1, "{}", "time"),
        {"content": "Done."},
    ):
        events += answer.add(chunk(delta))
    events += answer.add(chunk({}, "tool_calls"))
    answer.add({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    last = read([*events, *answer.end()])[-1].response
    assert (last.status, last.usage.total_tokens) == ("completed", 5)
    assert [item.type for item in last.output] == ["message", "function_call", "function_call", "message"]
    assert last.output_text == "Let me see.Done."
    assert [(each.call_id, each.name, each.arguments) for each in last.output[1:3]] == [
        ("call_0", "weather", '{"a": 1}'),
        ("call_1", "time", "{}"),
    ]
    assert {item.status for item in last.output} == {"completed"}


def test_empty_answer_has_an_empty_message() -> None:
    answer = answering()
    last = read([*answer.add(chunk({}, "stop")), *answer.end()])[-1].response
    assert ([item.type for item in last.output], last.output_text, last.status) == (["message"], "", "completed")


def test_answer_that_fails_keeps_what_came() -> None:
    answer = answering()
    events = [*answer.add(chunk({"content": "Half"})), *answer.fail("the model is gone")]
    last = read(events)[-1]
    assert last.type == "response.failed"
    assert (last.response.status, last.response.error.message) == ("failed", "the model is gone")
    assert (last.response.output_text, last.response.output[0].status) == ("Half", "incomplete")


def test_filtered_answer_is_incomplete() -> None:
    answer = answering()
    last = read([*answer.add(chunk({"content": "A"}, "content_filter")), *answer.end()])[-1]
    assert (last.type, last.response.incomplete_details.reason) == ("response.incomplete", "content_filter")
