"""Calls between marks in the text of an answer are calls; those that the text shows or speaks of stay text."""

from __future__ import annotations

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


def answer(text: str) -> Any:
    user = {"role": "user", "content": "How?"}
    (call,) = formats.calls_in({"messages": [user, {"role": "assistant", "content": text}]})
    return call.messages[-1]


@pytest.mark.parametrize(
    ("text", "said", "count"),
    [
        *((each, None, 1) for each in (BLOCK, INLINE, CODE, MISTRAL, LLAMA, FUNCTION, PYTHON_DICT)),
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
        *(f"```\n{each}\n```" for each in (BLOCK, MISTRAL, LLAMA, FUNCTION)),
        *(f"Use `{each}` for it." for each in (INLINE, MISTRAL, LLAMA, FUNCTION)),
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
    "text", ["<tool_call>" * 20000, "`" * 50000, "```\n" * 20000, "</tool_call>" + "<tool_call>" * 9999]
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
