"""Messages as JSON text that a tracer has cut off are refused by name, wherever they are recorded; text is text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io.formats import calls_in
from fine_tuning.errors import DataError

CUT = '[{"role": "user", "content": "How lo'
PARTS = '[{"type": "text", "text": "How lo'
ASKED = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "How long?"}]}])
ANSWERED = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "97 km."}]}])
IN, OUT, SYSTEM = "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"
LANGFUSE = {"id": "o", "traceId": "t", "type": "GENERATION"}


def span(**attributes: str) -> dict[str, Any]:
    return {"name": "chat", "attributes": {key.replace("__", "."): value for key, value in attributes.items()}}


def gen_ai(**attributes: str) -> dict[str, Any]:
    return span(**{"gen_ai.operation.name": "chat", IN: ASKED, OUT: ANSWERED, **attributes})


def openinference(**attributes: str) -> dict[str, Any]:
    return span(**{"openinference.span.kind": "LLM", "input.value": "Q", "output.value": "A", **attributes})


def event(name: str, value: str) -> dict[str, Any]:
    return {"name": f"gen_ai.content.{name}", "attributes": {f"gen_ai.{name}": value}}


NUMBERED = {"gen_ai.prompt.0.role": "user", "gen_ai.completion.0.content": "A", "gen_ai.completion.0.role": "assistant"}
VERCEL = {"ai.operationId": "ai.generateText.doGenerate", "ai.response.text": "A"}
JSON_IN, JSON_OUT = ({f"{side}.mime_type": "application/json"} for side in ("input", "output"))
ROWS: list[dict[str, Any]] = [
    gen_ai(**{IN: CUT}),
    gen_ai(**{IN: "[{"}),
    gen_ai(**{OUT: CUT}),
    gen_ai(**{SYSTEM: PARTS}),
    span(**NUMBERED, **{"gen_ai.prompt.0.content": PARTS}),
    {**span(**{"gen_ai.operation.name": "chat"}), "events": [event("prompt", CUT), event("completion", "A")]},
    {**span(**{"gen_ai.operation.name": "chat"}), "events": [event("prompt", "Q"), event("completion", CUT)]},
    span(**VERCEL, **{"ai.prompt.messages": '[{"ro'}),
    openinference(**JSON_IN, **{"input.value": '{"mess'}),
    openinference(**JSON_OUT, **{"output.value": '{"id": "x", "cho'}),
    openinference(**{"input.value": CUT}),
    {**LANGFUSE, "input": CUT, "output": "A"},
    {**LANGFUSE, "input": "Q", "output": '{"role": "assistant", "content": "930 k'},
    {"id": "1", "call_type": "acompletion", "messages": CUT, "response": "A", "status": "success"},
    {"prompt": CUT, "completion": "A"},
    {"prompt": "Q", "completion": "{'role': 'assistant', 'content': 'A'}"},
    {"instruction": CUT, "output": "A"},
    {"question": CUT, "answer": "A"},
    {"prompt": CUT, "chosen": "A", "rejected": "B"},
]


@pytest.mark.parametrize("row", ROWS)
def test_read_messages_cut_off_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="begins as JSON and is none|as Python prints it"):
        list(calls_in(row))


@pytest.mark.parametrize(
    "text",
    ['{"id": 1,} is not JSON, why?', "[INST] hello", '[{"role": "user", "content": "x"}] is a chat?', "{name"],
)
def test_read_text_that_is_no_messages_is_a_text(text: str) -> None:
    (prompted,) = calls_in({"prompt": text, "completion": text})
    assert [message["content"] for message in prompted.messages] == [text, text]
