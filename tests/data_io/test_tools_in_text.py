"""Tools that a system prompt defines in its text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io.dialects import unread_keys
from tests.data_io.dataset_rows import ANSWERED, ASKED, FUNCTION, TOOLS
from tests.data_io.vendor_rows import only

OTHER = [{"type": "function", "function": {"name": "refund"}}]
HERMES = (
    "You are a function calling AI model. You are provided with function signatures within <tools></tools> XML tags. "
    "You may call one or more functions to assist with the user query. Don't make assumptions about values. "
    "Here are the available tools: <tools> {} </tools> Use the following pydantic model json schema for each tool call "
    "you will make: {{'title': 'FunctionCall', 'type': 'object', 'properties': {{'name': {{}}}}}} For each function "
    "call return a json object with function name and arguments within <tool_call></tool_call> XML tags as follows:\n"
    "<tool_call>\n{{tool_call}}\n</tool_call>"
)
QWEN = (
    "Be brief.\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided "
    "with function signatures within <tools></tools> XML tags:\n<tools>\n{}\n</tools>\n\nFor each function call, "
    "return a json object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{{"name": <function-name>, "arguments": <args-json-object>}}\n</tool_call>'
)
CALL = "<tool_call>\n{'arguments': {'order': 7}, 'name': 'track'}\n</tool_call>\n"
RESULT = "<tool_response>\n{'name': 'track', 'content': {'at': 'a van'}}\n</tool_response>\n"


def row(system: str, **others: Any) -> dict[str, Any]:
    said = [("system", system), ("human", ASKED), ("gpt", CALL), ("tool", RESULT), ("gpt", ANSWERED)]
    return {"conversations": [{"from": who, "value": text} for who, text in said], **others}


@pytest.mark.parametrize(
    ("template", "left"),
    [
        (
            HERMES,
            "You are a function calling AI model. Don't make assumptions about values.",
        ),
        (QWEN, "Be brief."),
    ],
)
@pytest.mark.parametrize(
    "written",
    [
        json.dumps(TOOLS),
        "\n".join(map(json.dumps, [*TOOLS])),
        str(TOOLS),
        json.dumps(TOOLS, indent=2),
        json.dumps([FUNCTION]),
    ],
)
def test_tools_between_marks_are_lifted(template: str, left: str, written: str) -> None:
    with unread_keys.noted() as unread:
        call = only(row(template.format(written)), "sharegpt")
    assert (call.tools, call.messages[0]) == (TOOLS, {"role": "system", "content": left})
    asked = call.messages[2]["tool_calls"][0]
    assert asked["function"] == {"name": "track", "arguments": '{"order": 7}'}
    assert call.messages[3]["tool_call_id"] == asked["id"]
    assert unread == set()


def test_tools_of_the_row_come_first() -> None:
    system = HERMES.format(json.dumps(TOOLS))
    exact = [{"type": "function", "function": {**FUNCTION, "description": "Longer"}}]
    call = only(row(system, tools=json.dumps(exact)))
    assert (call.tools, "<tools>" in call.messages[0]["content"]) == (exact, False)
    assert only(row(system, tools=json.dumps(OTHER))).messages[0]["content"] == system


@pytest.mark.parametrize(
    "inner", ["", "the tools", '[{"a": 1}]', "[1]", '[{"name": "a b"}, {"name": "a_b"}]', "[{'name':"]
)
def test_text_that_defines_no_tools_stays(inner: str) -> None:
    system = f"Write signatures within <tools>{inner}</tools> tags."
    messages = [{"role": "system", "content": system}, {"role": "user", "content": ASKED}]
    call = only({"messages": [*messages, {"role": "assistant", "content": ANSWERED}]})
    assert (call.messages[0]["content"], call.tools) == (system, None)


def test_tools_alone_leave_no_system_prompt_and_records_stay_as_they_were_said() -> None:
    messages = [
        {"role": "system", "content": f"<tools>{json.dumps(TOOLS)}</tools>"},
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": ANSWERED},
    ]
    call = only({"messages": messages})
    assert (call.messages, call.tools) == (messages[1:], TOOLS)
    assert only({"messages": messages, "captured_at": "2026-01-02T03:04:05Z"}).messages == messages
