"""Answers that were logged as the events of their streams: lists of them, and the text of server-sent events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, SYSTEM, called, only

Events = list[dict[str, Any]]
PIECES = ["Ça ", "va : 🚚", " — ", "\n\ndata: x\n", "fin\u2028."]
TEXT = "".join(PIECES)


def chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0, **others: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": "gpt-4o-2024-08-06"}
    return {**head, "choices": [choice], "usage": None, **others}


def called_in_pieces(index: int | None, own: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return chunk({"tool_calls": [{"index": index, "id": own, "type": "function", "function": function}]})


USAGE = chunk({}, choices=[], usage={"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16})
CHAT: Events = [
    chunk({"role": "assistant", "content": "", "refusal": None}),
    *(chunk({"content": piece}) for piece in PIECES),
    chunk({"content": "another choice"}, index=1),
    chunk({}, "stop"),
    USAGE,
]
CALLS: Events = [
    chunk({"role": "assistant", "content": None}),
    called_in_pieces(0, "c1", "track", ""),
    called_in_pieces(0, None, None, '{"order"'),
    called_in_pieces(1, "c2", "track", '{"order": 8}'),
    called_in_pieces(0, None, None, ": 7}"),
    chunk({}, "tool_calls"),
]


def sse(events: Events, end: str = "\n\n", *, is_done: bool = True) -> str:
    lines = [f"data: {json.dumps(event, ensure_ascii=False)}" for event in events]
    return end.join([*lines, "data: [DONE]"] if is_done else lines) + end


def named(events: Events) -> str:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


WRITTEN = {
    "a list": lambda events: events,
    "JSON text": json.dumps,
    "server-sent events": sse,
    "with carriage returns": lambda events: sse(events, "\r\n\r\n"),
    "a line each": lambda events: sse(events, "\n"),
    "after a comment": lambda events: f": ok\n\n{sse(events)}",
    "text in JSON text": lambda events: json.dumps(sse(events)),
    "a list of texts": lambda events: [*(f"data: {json.dumps(event)}" for event in events), "data: [DONE]"],
    "a list of JSON texts": lambda events: list(map(json.dumps, events)),
    "with nulls between": lambda events: [each for event in events for each in (event, None)],
    "behind a key": lambda events: {"streamed_data": events},
    "in the body of a response": lambda events: {"status_code": 200, "body": sse(events)},
}
each_way = pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)


@each_way
def test_chunks_of_a_chat_make_its_answer(written: Any) -> None:
    for event in CHAT + CALLS:
        ChatCompletionChunk.model_validate(event)
    call = only({"request": rows.CHAT, "response": written(CHAT)}, "openai-log")
    assert call.messages == [QUESTION, {"role": "assistant", "content": TEXT}]
    assert (call.finish_reason, call.is_cut_off, call.model) == ("stop", False, "gpt-4o-2024-08-06")
    assert call.usage == {"prompt_tokens": 12, "completion_tokens": 4}
    made = only({"request": rows.CHAT, "response": written(CALLS)}).messages[-1]
    calls = [called("track", '{"order": 7}', "c1"), called("track", '{"order": 8}', "c2")]
    assert made == {"role": "assistant", "content": None, "tool_calls": calls}


@each_way
def test_gateways_log_streams_too(written: Any) -> None:
    helicone = {"request_id": "h", "response_status": 200, "request_body": rows.CHAT, "response_body": written(CHAT)}
    portkey = {"ai_org": "openai", "request": rows.CHAT, "response": written(CHAT)}
    litellm = {"call_type": "acompletion", "messages": rows.CHAT["messages"], "response": written(CHAT)}
    is_in_body = "body" in written(CHAT)
    for row in (portkey,) if is_in_body else (helicone, portkey, litellm):
        assert only(row).messages[-1]["content"] == TEXT


@pytest.mark.parametrize("cut", range(2, len(CHAT) - 2))
def test_stream_without_its_end_is_cut_off(cut: int) -> None:
    text = sse(CHAT, is_done=False)
    within = text.find("data: ", text.find(json.dumps(CHAT[cut], ensure_ascii=False))) - 20
    for response in (CHAT[:cut], sse(CHAT[:cut]), text[:within], [*CHAT[:cut], {"error": {"message": "gone"}}]):
        call = only({"request": rows.CHAT, "response": response})
        assert (call.finish_reason, call.is_cut_off) == ("error", True)
        assert TEXT.startswith(str(call.messages[-1]["content"]))


def test_stream_is_read_up_to_what_is_no_json() -> None:
    text = sse(CHAT[:3]) + "data: {broken\n\n" + sse(CHAT[3:])
    call = only({"request": rows.CHAT, "response": text})
    assert (call.messages[-1]["content"], call.finish_reason) == ("".join(PIECES[:2]), "error")


@pytest.mark.parametrize(
    "pieces",
    [
        [called_in_pieces(None, "c1", "track", "{}"), called_in_pieces(None, "c2", "stop", "{}")],
        [called_in_pieces(0, "c1", "track", None), called_in_pieces(0, "c1", "track", "{}"),
         called_in_pieces(1, "c2", "st", ""), called_in_pieces(1, None, "op", "{}")],
        [called_in_pieces(None, "c1", "track", "{"), called_in_pieces(None, None, None, "}"),
         called_in_pieces(3, "c2", "stop", "{}")],
    ],
)  # fmt: skip
def test_calls_of_other_hosts_are_joined(pieces: Events) -> None:
    made = only({"request": rows.CHAT, "response": [*pieces, chunk({}, "tool_calls")]}).messages[-1]
    assert made["tool_calls"] == [called("track", "{}", "c1"), called("stop", "{}", "c2")]


def test_content_in_parts_and_events_of_several_lines_are_joined() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    pieces = [chunk({"content": [thought, {"type": "text", "text": "See "}]}), chunk({"content": "there."}, "stop")]
    lines = [line for each in pieces for line in (f"data: {json.dumps(each)[:-1]}", "data: }", "")]
    for line_end in ("\n", "\r\n", "\r"):
        call = only({"request": rows.CHAT, "response": line_end.join([*lines, ""])})
        assert (call.messages[-1]["content"], call.finish_reason) == ("See there.", "stop")


def test_earlier_function_and_refusal_are_joined() -> None:
    pieces = [
        chunk({"function_call": {"name": "track", "arguments": "{"}}),
        chunk({"function_call": {"arguments": "}"}}),
    ]
    made = only({"request": rows.CHAT, "response": [*pieces, chunk({}, "function_call")]})
    assert made.messages[-1]["tool_calls"][0]["function"] == {"name": "track", "arguments": "{}"}
    refused = [chunk({"refusal": "No"}), chunk({"refusal": "."}), chunk({}, "stop")]
    assert only({"request": rows.CHAT, "response": refused}).messages[-1]["refusal"] == "No."


@pytest.mark.parametrize("written", [lambda events: events, sse])
def test_stream_that_failed_has_no_call(written: Any) -> None:
    error = {"error": {"message": "overloaded"}}
    for events in (
        [chunk({"role": "assistant"}), error],
        [chunk({"role": "assistant", "content": ""}), error],
        [error],
    ):
        assert list(formats.calls_in({"request": rows.CHAT, "response": written(events)})) == []
    failed = [{"type": "response.created", "response": RUNNING}, {"type": "error", "message": "gone"}]
    assert list(formats.calls_in({"request": {"model": "m", "input": ASKED}, "response": written(failed)})) == []


@pytest.mark.parametrize(
    "response",
    [[chunk({})], [chunk({}, choices=None)], [chunk({"content": 5}, "stop")]],
)
def test_stream_of_odd_values_is_refused(response: Events) -> None:
    with pytest.raises(DataError, match="no answer|no choices|needs the tool's name"):
        only({"request": rows.CHAT, "response": response})


def test_text_that_only_looks_like_a_stream_is_an_answer() -> None:
    row = {"request_id": "h", "response_status": 200, "request_body": rows.CHAT, "response_body": "data: 7\n\ndata: 8"}
    assert only(row).messages[-1]["content"] == "data: 7\n\ndata: 8"


ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
CALL_ITEM = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "track", "arguments": ""}
PART = {"type": "output_text", "text": "", "annotations": []}
RUNNING = {**rows.RESPONSE, "status": "in_progress", "output": [], "usage": None}
RESPONSES: Events = [
    {"type": "response.created", "response": RUNNING},
    {"type": "response.in_progress", "response": RUNNING},
    {"type": "response.output_item.added", "output_index": 0, "item": ITEM},
    {"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": PART},
    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": ANSWERED[:4]},
    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": ANSWERED[4:]},
    {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": ANSWERED},
    {"type": "response.output_item.added", "output_index": 1, "item": CALL_ITEM},
    {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"order"'},
    {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": ": 7}"},
    {"type": "response.output_item.done", "output_index": 1, "item": {**CALL_ITEM, "arguments": '{"order": 7}'}},
]
REQUEST = {"model": "gpt-5-mini", "input": ASKED, "instructions": "Be brief."}


@pytest.mark.parametrize("written", [lambda events: events, named, sse])
def test_events_of_responses_make_the_response(written: Any) -> None:
    for output in (rows.RESPONSE["output"], []):
        done = {**rows.RESPONSE, "output": output}
        item = {"type": "response.output_item.done", "output_index": 0, "item": rows.REPLY}
        events = [*RESPONSES[:7], item, {"type": "response.completed", "response": done}]
        call = only({"request": REQUEST, "response": written(events)}, "openai-responses")
        assert call.messages == [SYSTEM, QUESTION, ANSWER]
        assert (call.finish_reason, call.usage) == ("stop", {"prompt_tokens": 30, "completion_tokens": 5})


@pytest.mark.parametrize("written", [lambda events: events, named])
def test_responses_that_broke_off_are_cut_off(written: Any) -> None:
    call = only({"request": REQUEST, "response": written(RESPONSES)}, "openai-responses")
    assert call.messages[-1] == {**ANSWER, "tool_calls": [called("track", '{"order": 7}', "c1")]}
    assert call.finish_reason == "error"
    part = only({"request": REQUEST, "response": written(RESPONSES[:5])}, "openai-responses")
    assert (part.messages[-1]["content"], part.is_cut_off) == (ANSWERED[:4], True)
    short = {**rows.RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    ended = [*RESPONSES, {"type": "response.incomplete", "response": short}]
    assert only({"request": REQUEST, "response": written(ended)}).finish_reason == "length"
    failed = [*RESPONSES, {"type": "response.failed", "response": {**RUNNING, "status": "failed"}}]
    assert list(formats.calls_in({"request": REQUEST, "response": written(failed)})) == []


MESSAGE_EVENTS: Events = [
    {"type": "message_start", "message": {**rows.MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ANSWERED}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6}},
    {"type": "message_stop"},
]


@pytest.mark.parametrize("written", [lambda events: events, named])
def test_events_of_messages_make_the_message(written: Any) -> None:
    row = {"request": rows.MESSAGES_REQUEST, "response": written(MESSAGE_EVENTS)}
    call = only(row, "anthropic")
    assert (call.messages[-1], call.finish_reason) == (ANSWER, "stop")
    cut = only({**row, "response": written(MESSAGE_EVENTS[:4])}, "anthropic")
    assert (cut.messages[-1], cut.finish_reason) == (ANSWER, "error")


@pytest.mark.parametrize("written", [lambda events: events, sse])
def test_responses_of_geminis_stream_make_one(written: Any) -> None:
    def piece(*parts: dict[str, Any], **others: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **others}]}

    call = {"functionCall": {"name": "track", "args": {"order": 7}}}
    events = [
        piece({"text": "Look.", "thought": True}),
        piece({"text": ANSWERED[:3]}),
        piece({"text": ANSWERED[3:]}),
        {**piece(call, finishReason="STOP"), "usageMetadata": rows.CANDIDATES["usageMetadata"]},
    ]
    row = {"request": rows.CONTENTS_REQUEST, "response": written(events)}
    found = only(row, "gemini-log")
    assert found.messages[-1]["content"] == ANSWERED
    assert found.messages[-1]["tool_calls"][0]["function"] == {"name": "track", "arguments": '{"order": 7}'}
    assert (found.finish_reason, found.usage) == ("tool_calls", {"prompt_tokens": 9, "completion_tokens": 3})
    assert only({**row, "response": written(events[:3])}).finish_reason == "error"
