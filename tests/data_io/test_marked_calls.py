"""Calls between marks in the text of an answer are calls; those that the text shows or speaks of stay text."""

# ruff: noqa: RUF001 - signs of templates

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from fine_tuning.data_io import formats

BLOCK = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
INLINE = '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>'
CODE = '<tool_call>\n{"name": "f", "arguments": {"code": "```sh\\nls `x`\\n```"}}\n</tool_call>'
MISTRAL = '[TOOL_CALLS] [{"name": "f", "arguments": {}}]'
LLAMA = '<|python_tag|>{"name": "f", "parameters": {}}'
PYTHON_DICT = "<tool_call>\n{'arguments': {'a': 1, 'b': None, 'c': True}, 'name': 'f'}\n</tool_call>"
FUNCTION = '<function=f>{"a": 1}</function>'
QWEN = "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"
GLM = "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>"
INVOKED = '<invoke name="f">\n<parameter name="a">1</parameter>\n</invoke>'
CLAUDE = f"<function_calls>\n{INVOKED}\n</function_calls>"
DEEPSEEK = (
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{"a": 1}\n```<｜tool▁call▁end｜>'
    "<｜tool▁calls▁end｜><｜end▁of▁sentence｜>"
)
NEWER_DEEPSEEK = (
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{"a": 1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
)
KIMI = (
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"a": 1}'
    "<|tool_call_end|><|tool_calls_section_end|>"
)
PARAMETERS = (QWEN, GLM, INVOKED, CLAUDE, INVOKED.replace("</", "</a:").replace("<", "<a:").replace("<a:/", "</"))
NEWER = (*PARAMETERS, DEEPSEEK, NEWER_DEEPSEEK, KIMI)


def answer(text: str) -> Any:
    user = {"role": "user", "content": "How?"}
    (call,) = formats.calls_in({"messages": [user, {"role": "assistant", "content": text}]})
    return call.messages[-1]


@pytest.mark.parametrize(
    ("text", "said", "count"),
    [
        *((each, None, 1) for each in (BLOCK, INLINE, CODE, MISTRAL, LLAMA, FUNCTION, PYTHON_DICT, *NEWER)),
        (f"I look it up.\n\n{CLAUDE}", "I look it up.", 1),
        (CLAUDE.replace(INVOKED, f"{INVOKED}\n{INVOKED}"), None, 2),
        (f"{BLOCK}\n{BLOCK}", None, 2),
        (f"I look it up:\n{BLOCK}\n", "I look it up:", 1),
        (f"I look it up. {INLINE}", "I look it up.", 1),
        (f"Run `ls`, then:\n{CODE}", "Run `ls`, then:", 1),
        (f"```sh\nls\n```\n{BLOCK}", "```sh\nls\n```", 1),
        (f"I don`t know.\n{BLOCK}", "I don`t know.", 1),
        (f"<think>Hm.</think>{INLINE}", "<think>Hm.</think>", 1),
        (f"{BLOCK}\nThat takes a moment.", "That takes a moment.", 1),
        (f"Let me see.{MISTRAL}", "Let me see.", 1),
    ],
)
def test_marked_call_is_a_call(text: str, said: str | None, count: int) -> None:
    found = answer(text)
    assert (found["content"], len(found["tool_calls"])) == (said, count)


@pytest.mark.parametrize(
    "text",
    [
        *(f"```\n{each}\n```" for each in (BLOCK, MISTRAL, LLAMA, FUNCTION, *PARAMETERS)),
        *(f"Use `{each}` for it." for each in (INLINE, MISTRAL, LLAMA, FUNCTION)),
        *(f"The model writes {each} and waits." for each in NEWER),
        QWEN.replace("</parameter>", "</parameter>\nand so on"),
        "<tool_call>yes</tool_call>",
        "<tool_call>f\n<arg_key>a</arg_key></tool_call>",
        '<invoke name="f">now</invoke>',
        f"Write:\n\n~~~xml\n{BLOCK}\n~~~\n\nThen wait.",
        f"> ```\n> {INLINE}\n> ```",
        f"```xml\n{BLOCK}",
        f"Use ``{INLINE}``.",
        f"The model writes {INLINE} and waits.",
        f"The model writes {INLINE}",
        f"A call looks like this:\n{BLOCK}\nThen its result comes.",
        f"First\n{BLOCK}\nthen\n{BLOCK}",
        "The mark <tool_call> begins a call, and </tool_call> ends it.",
        f"Mistral writes {MISTRAL}",
    ],
)
def test_call_that_a_text_shows_stays_text(text: str) -> None:
    assert answer(text) == {"role": "assistant", "content": text}


@pytest.mark.parametrize(
    "text",
    [
        *("<tool_call>" * 20000, "`" * 50000, "```\n" * 20000, "</tool_call>" + "<tool_call>" * 9999),
        *('<invoke name="f">' * 9999 + "</invoke>", "<｜tool▁call▁begin｜>f{" * 9999 + "｜>"),
        "<tool_call><function=f>" + "<parameter=a>1</parameter>" * 9999 + "</function></tool_call>",
    ],
)
def test_text_full_of_marks_is_read_in_a_moment(text: str) -> None:
    start = time.monotonic()
    answer(f"{text}<tool_call>")
    assert time.monotonic() - start < 5


def test_call_as_a_python_dict_has_its_arguments_as_json() -> None:
    (call,) = answer(PYTHON_DICT)["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": '{"a": 1, "b": null, "c": true}'}


@pytest.mark.parametrize("code", ["{'name': open('x')}", "{'name': 'f', 'arguments': {1, 2}}", "{'a': [" + "[" * 999])
def test_call_that_is_no_literal_stays_text(code: str) -> None:
    text = f"<tool_call>\n{code}\n</tool_call>"
    assert answer(text) == {"role": "assistant", "content": text}


@pytest.mark.parametrize("text", PARAMETERS)
@pytest.mark.parametrize(
    ("stated", "value"),
    [
        *(("integer", 1), ("string", "1"), (["integer", "null"], 1), ("boolean", "1"), (None, "1")),
        (["string", "integer"], "1"),
    ],
)
def test_argument_between_tags_has_the_type_that_its_tool_states(text: str, stated: object, value: object) -> None:
    schema = {"type": "object", "properties": {} if stated is None else {"a": {"type": stated}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    messages = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": text}]
    (call,) = formats.calls_in({"messages": messages, "tools": tools})
    (called,) = call.messages[-1]["tool_calls"]
    assert json.loads(called["function"]["arguments"]) == {"a": value}


def test_result_answers_a_call_between_tags() -> None:
    result = {"role": "tool", "content": "4"}
    messages = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": QWEN}, result]
    (call,) = formats.calls_in({"messages": [*messages, {"role": "assistant", "content": "Four."}]})
    assert call.messages[2]["tool_call_id"] == call.messages[1]["tool_calls"][0]["id"]
