"""Answers of the SDKs' own helpers, sent back as they are: what `parse` and `stream` add to them changes nothing."""

from __future__ import annotations

from typing import Any, Literal

import httpx
import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.server.conftest import ALIAS

ASKED: list[Any] = [{"role": "user", "content": "Which kind is it?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"place": {"type": "string", "maxLength": 12}},
    "required": ["place"],
    "additionalProperties": False,
}
FUNCTION = {"name": "weather", "parameters": PARAMETERS, "strict": True}
TOOL: Any = {"type": "function", "function": FUNCTION}
CALLED: dict[str, Any] = {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 200}


class Ticket(BaseModel):
    kind: Literal["billing", "technical"]


def count(client: OpenAI, *sent: Any) -> int:
    """The tokens of a prompt that goes on after these messages."""
    messages = [*ASKED, *sent, *ASKED]
    usage = client.chat.completions.create(model=ALIAS, messages=messages, max_tokens=1).usage
    assert usage is not None
    return usage.prompt_tokens


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of the SDK itself
def test_chat_message_of_parse_can_be_sent_back(client: OpenAI) -> None:
    parsed = client.chat.completions.parse(model=ALIAS, messages=ASKED, response_format=Ticket, max_tokens=100, seed=0)
    message = parsed.choices[0].message
    assert message.parsed is not None
    plain = {"role": "assistant", "content": message.content}
    assert count(client, message) == count(client, message.model_dump()) == count(client, plain)


@pytest.mark.parametrize("helper", ["parse", "stream"])
def test_chat_calls_of_helpers_can_be_sent_back(client: OpenAI, helper: str) -> None:
    if helper == "parse":
        done: Any = client.chat.completions.parse(model=ALIAS, messages=ASKED, **CALLED)
    else:
        with client.chat.completions.stream(model=ALIAS, messages=ASKED, **CALLED) as stream:
            done = stream.get_final_completion()
    message = done.choices[0].message
    (call,) = message.tool_calls
    assert set(call.function.parsed_arguments) == {"place"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    function = {"name": call.function.name, "arguments": call.function.arguments}
    turn = {"id": call.id, "type": "function", "function": function}
    plain = {"role": "assistant", "content": None, "tool_calls": [turn]}
    assert count(client, message, result) == count(client, plain, result)


def test_items_of_helpers_can_be_sent_back(client: OpenAI, address: str) -> None:
    value = {"place": "Paris"}
    parts = [
        {"type": "output_text", "text": "Sun.", "annotations": [], "parsed": value},
        {"type": "refusal", "refusal": "No.", "parsed": None},
    ]
    call = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}", "parsed_arguments": value}
    output = {"type": "function_call_output", "call_id": "c", "output": "sunny"}
    sent = [{"type": "message", "role": "assistant", "content": parts}, call, output]
    stored = client.conversations.create().id
    for path, field in (("responses", "input"), (f"conversations/{stored}/items", "items")):
        body = {field: [*ASKED, *sent]} | ({"model": ALIAS, "max_output_tokens": 4} if field == "input" else {})
        found = httpx.post(f"{address}/{path}", json=body, timeout=30)
        assert found.status_code == 200, found.text
        assert "parsed" not in found.text
    items = [item.to_dict() for item in client.conversations.items.list(stored)]
    assert len(items) == 4
    assert "parsed" not in str(items)


def test_other_fields_of_what_is_sent_back_are_refused(client: OpenAI) -> None:
    wrong: Any = [{"role": "assistant", "content": "x", "parsed_arguments": {}}]
    with pytest.raises(openai.BadRequestError, match=r"Unknown parameter: 'messages\[0\]\.parsed_arguments'"):
        client.chat.completions.create(model=ALIAS, messages=wrong)
