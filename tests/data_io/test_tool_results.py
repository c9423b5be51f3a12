"""Results of tools: matched to parallel calls without ids, and their blocks in any vendor's words."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.formats import chat_checks
from fine_tuning.errors import DataError

Q = {"role": "user", "content": "When is the next train to Porto?"}
DONE = {"role": "assistant", "content": "At nine."}


def asking(*names: str, ids: str = "") -> dict[str, Any]:
    calls = [{"type": "function", "function": {"name": name, "arguments": {}}} for name in names]
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{**call, **({"id": ids[at]} if ids else {})} for at, call in enumerate(calls)],
    }


def result(content: object, **others: str) -> dict[str, Any]:
    return {"role": "tool", "content": content, **others}


def row_of(*turns: dict[str, Any]) -> dict[str, Any]:
    (call,) = formats.calls_in({"messages": [Q, *turns, DONE]})
    row: dict[str, Any] = {"messages": call.messages}
    assert chat_checks.check_row(row) == []
    return row


def answers(*turns: dict[str, Any]) -> list[tuple[str, str]]:
    """The name of the call that each result answers, and its text."""
    messages = row_of(*turns)["messages"]
    names = {call["id"]: call["function"]["name"] for each in messages for call in each.get("tool_calls", [])}
    return [(names[each["tool_call_id"]], each["content"]) for each in messages if each["role"] == "tool"]


MATCHED: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]]]] = {
    "by name": ([asking("f", "g"), result("F", name="f"), result("G", name="g")], [("f", "F"), ("g", "G")]),
    "by name, in another order": (
        [asking("f", "g"), result("G", name="g"), result("F", name="f")],
        [("g", "G"), ("f", "F")],
    ),
    "by name, another is unknown": (
        [asking("g", "f"), result("F", name="ns_f"), result("G", name="g")],
        [("f", "F"), ("g", "G")],
    ),
    "by name, as ollama has it": (
        [asking("f", "g"), result("G", tool_name="g"), result("F", tool_name="f")],
        [("g", "G"), ("f", "F")],
    ),
    "calls in messages of their own": (
        [asking("f"), asking("g"), asking("h"), result("F"), result("H", name="h"), result("G", name="g")],
        [("f", "F"), ("h", "H"), ("g", "G")],
    ),
    "by order": ([asking("f", "g", "h"), result("F"), result("G"), result("H")], [("f", "F"), ("g", "G"), ("h", "H")]),
    "one function twice": ([asking("f", "f"), result("1", name="f"), result("2", name="f")], [("f", "1"), ("f", "2")]),
    "calls with ids, results without": (
        [asking("f", "g", ids="ab"), result("F"), result("G")],
        [("f", "F"), ("g", "G")],
    ),
    "results with ids, calls without": (
        [asking("f", "g"), result("G", name="g", tool_call_id="x"), result("F", name="f", tool_call_id="y")],
        [("g", "G"), ("f", "F")],
    ),
    "one result for all": ([asking("f", "g"), result("both")], [("f", "both"), ("g", "")]),
    "a list with one for each": ([asking("f", "g"), result('["F", "G"]')], [("f", "F"), ("g", "G")]),
    "a list of the first tool's": (
        [asking("f", "g"), result('["1", "2"]'), result("G")],
        [("f", '["1", "2"]'), ("g", "G")],
    ),
    "two turns": (
        [asking("f", "g"), result("F"), result("G"), asking("h", "f"), result("F2", name="f"), result("H", name="h")],
        [("f", "F"), ("g", "G"), ("f", "F2"), ("h", "H")],
    ),
    "gemini, a message each": (
        [
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": n}}} for n in (1, 2)]},
            *({"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": n}}}]} for n in (1, 2)),
        ],
        [("f", '{"r": 1}'), ("f", '{"r": 2}')],
    ),
}


@pytest.mark.parametrize("name", MATCHED)
def test_results_of_parallel_calls_without_ids_answer_their_calls(name: str) -> None:
    turns, expected = MATCHED[name]
    assert answers(*turns) == expected


def test_one_named_result_for_two_calls_of_one_function_leaves_the_second_unanswered() -> None:
    (call,) = formats.calls_in({"messages": [Q, asking("f", "f"), result("1", name="f"), DONE]})
    assert [each["content"] for each in call.messages if each["role"] == "tool"] == ["1"]
    assert [each.code for each in chat_checks.check_row({"messages": call.messages})] == ["unanswered-call"]


@pytest.mark.parametrize(("content", "is_noted"), [("both", True), ('["F", "G"]', False)])
def test_one_result_for_all_calls_is_noted(content: str, is_noted: bool) -> None:
    with unread_keys.noted() as keys:
        answers(asking("f", "f"), result(content))
    assert keys == ({"tool.results of the other parallel calls"} if is_noted else set())


def test_calls_in_turns_of_their_own_are_parallel() -> None:
    turns = [{"from": "human", "value": "Porto?"}]
    turns += [{"from": "function_call", "value": f'{{"name": "{name}", "arguments": {{}}}}'} for name in "fgh"]
    turns += [{"from": "observation", "value": name.upper()} for name in "fgh"]
    (call,) = formats.calls_in({"conversations": [*turns, {"from": "gpt", "value": "At nine."}]})
    assert chat_checks.check_row({"messages": call.messages}) == []
    assert [each["role"] for each in call.messages] == ["user", "assistant", "tool", "tool", "tool", "assistant"]


def test_parallel_calls_of_a_span_without_ids_are_answered() -> None:
    span = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Porto?",
        "llm.input_messages.1.message.role": "assistant",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "f",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": "{}",
        "llm.input_messages.1.message.tool_calls.1.tool_call.function.name": "g",
        "llm.input_messages.1.message.tool_calls.1.tool_call.function.arguments": "{}",
        "llm.input_messages.2.message.role": "tool",
        "llm.input_messages.2.message.content": "F",
        "llm.input_messages.3.message.role": "tool",
        "llm.input_messages.3.message.content": "G",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "At nine.",
    }
    (call,) = formats.calls_in({"attributes": span})
    assert chat_checks.check_row({"messages": call.messages}) == []


@pytest.mark.parametrize(
    ("turns", "place"), [([DONE, Q, result("?")], 3), ([asking("f"), result("F"), result("?")], 3)]
)
def test_result_without_a_call_is_refused_by_its_place(turns: list[dict[str, Any]], place: int) -> None:
    with pytest.raises(DataError, match=rf"messages\[{place}\] answers a tool call that does not exist"):
        list(formats.calls_in({"messages": [Q, *turns, DONE]}))


def bedrock(*blocks: object, **others: object) -> dict[str, Any]:
    return {"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": list(blocks), **others}}]}


def anthropic(content: object, **others: object) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": content, **others}]}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
BLOCKS: dict[str, tuple[dict[str, Any], object]] = {
    "bedrock, json": (bedrock({"json": {"r": 1}}), '{"r": 1}'),
    "bedrock, text and json": (bedrock({"text": "found"}, {"json": {"r": 1}}), [text("found"), text('{"r": 1}')]),
    "bedrock, failed": (bedrock({"text": "no such city"}, status="error"), "Error: no such city"),
    "bedrock, succeeded": (bedrock({"json": [1]}, status="success"), "[1]"),
    "anthropic, a block": (anthropic([text("b")]), "b"),
    "anthropic, two blocks": (anthropic([text("b"), text("c")]), [text("b"), text("c")]),
    "anthropic, none": (anthropic([]), ""),
    "anthropic, failed": (anthropic("timed out", is_error=True), "Error: timed out"),
    "anthropic, failed and says so": (anthropic("ValueError: x", is_error=True), "ValueError: x"),
    "anthropic, failed with blocks": (anthropic([text("b"), text("c")], is_error=True), [text("Error: b"), text("c")]),
    "anthropic, not failed": (anthropic("timed out", is_error=False), "timed out"),
    "langchain, failed": (result("timed out", tool_call_id="a", status="error"), "Error: timed out"),
    "openai, two parts": (result([text("b"), text("c")], tool_call_id="a"), [text("b"), text("c")]),
    "values of the tool's own": (
        result([{"type": "flight", "at": 9}], tool_call_id="a"),
        '[{"type": "flight", "at": 9}]',
    ),
    "vercel, parts": (
        {
            "role": "tool",
            "content": [
                {
                    "type": "tool-result",
                    "toolCallId": "a",
                    "toolName": "f",
                    "output": {"type": "content", "value": [text("b"), text("c")]},
                }
            ],
        },
        [text("b"), text("c")],
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_a_result_are_its_text(name: str) -> None:
    turn, expected = BLOCKS[name]
    found = row_of(asking("f", ids="a"), turn)["messages"][2]
    assert (found["role"], found["content"]) == ("tool", expected)
    again = row_of(asking("f", ids="a"), found)["messages"][2]
    assert again["content"] == expected


MEDIA: dict[str, dict[str, Any]] = {
    "anthropic": anthropic([text("b"), IMAGE]),
    "anthropic, alone": anthropic([IMAGE]),
    "anthropic, document": anthropic([{"type": "document", "source": {"type": "text", "data": "x"}}]),
    "bedrock": bedrock({"text": "b"}, {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}),
    "bedrock, document": bedrock({"document": {"format": "pdf", "name": "d", "source": {"bytes": "JVBE"}}}),
    "openai": result(
        [text("b"), {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}], tool_call_id="a"
    ),
    "vercel": {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "a",
                "toolName": "f",
                "output": {"type": "content", "value": [{"type": "media", "data": "iVBO", "mediaType": "image/png"}]},
            }
        ],
    },
}


@pytest.mark.parametrize("name", MEDIA)
def test_media_in_a_result_is_refused_by_its_type(name: str) -> None:
    with pytest.raises(DataError, match="result of a tool holds a part of type"):
        row_of(asking("f", ids="a"), MEDIA[name])
