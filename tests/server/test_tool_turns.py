"""Which tools a chat may call, and conversations in which tools were called."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.server.conftest import ALIAS

ASKED = {"role": "user", "content": "How is the weather in Paris?"}
SYSTEM = {"role": "system", "content": "Be brief."}
NO_CALL = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
NO_ANSWER = "must be followed by tool messages responding to each 'tool_call_id'. .* response messages: "


def tool(name: str, **function: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"place": {"type": "string", "maxLength": 12}}, "required": ["place"]}
    return {"type": "function", "function": {"name": name, "parameters": parameters, **function}}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *tools: dict[str, Any]) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


def calls(*names: str) -> dict[str, Any]:
    made = [{"id": name, "type": "function", "function": {"name": "weather", "arguments": "{}"}} for name in names]
    return {"role": "assistant", "tool_calls": made}


def result(name: str | None) -> dict[str, Any]:
    return {"role": "tool", "content": "sunny", **({} if name is None else {"tool_call_id": name})}


def ask(client: OpenAI, **more: Any) -> Any:
    settings: dict[str, Any] = {"messages": [ASKED], "max_tokens": 4, "temperature": 0}
    return client.chat.completions.create(model=ALIAS, **{**settings, **more})


TOOLS = [tool("weather"), tool("news"), tool("odd", parameters={"type": "object", "propertyNames": {"maxLength": 2}})]


@pytest.mark.parametrize("name", ["weather", "news"])
def test_allowed_tool_alone_is_called(client: OpenAI, name: str) -> None:
    choice = allowed("required", named(name))
    asked = {"tools": TOOLS, "tool_choice": choice, "max_tokens": 200, "parallel_tool_calls": False}
    for seed in range(2):
        (call,) = ask(client, **asked, temperature=1, seed=seed).choices[0].message.tool_calls
        assert call.function.name == name


def test_allowed_tools_alone_are_read(client: OpenAI) -> None:
    two = ask(client, tools=TOOLS[:2]).usage.prompt_tokens
    for choice in (allowed("auto", named("weather"), named("news")), allowed("auto", *TOOLS[:2])):
        assert ask(client, tools=TOOLS, tool_choice=choice).usage.prompt_tokens == two
    assert ask(client, tools=TOOLS).usage.prompt_tokens > two


def test_schema_of_a_tool_that_need_not_be_called_needs_no_grammar(client: OpenAI) -> None:
    invalid = [tool("weather"), tool("bad", parameters={"type": "bogus"})]
    for choice in (allowed("required", named("weather")), named("weather"), allowed("auto", named("bad"))):
        assert ask(client, tools=invalid, tool_choice=choice).choices
    for choice in ("required", named("bad"), allowed("required", named("bad"))):
        with pytest.raises(openai.BadRequestError, match="bogus"):
            ask(client, tools=invalid, tool_choice=choice)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (allowed("required", named("other")), "tool_choice names other, which is not in tools"),
        (allowed("required"), "Invalid 'tool_choice.allowed_tools.tools': this array may not be empty"),
        (allowed("some", named("news")), "Invalid 'tool_choice.allowed_tools.mode': expected one of"),
        ({"type": "allowed_tools"}, "Missing required parameter: 'tool_choice.allowed_tools'"),
        ({"type": "custom", "custom": {"name": "x"}}, "tool_choice of type 'custom' is not supported"),
        ({"type": 5}, "Invalid 'tool_choice.type': expected one of 'function'"),
        ("some", "Invalid 'tool_choice': expected one of 'none', 'auto' or 'required'"),
    ],
)
def test_wrong_choice_is_refused_in_words(client: OpenAI, choice: Any, words: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, tools=TOOLS, tool_choice=choice)
    assert words in str(caught.value)


def test_choice_of_a_hosted_tool_is_refused_in_responses(client: OpenAI) -> None:
    choice: Any = {"type": "web_search_preview"}
    with pytest.raises(openai.BadRequestError, match="tool_choice of type 'web_search_preview' is not supported"):
        client.responses.create(model=ALIAS, input="Hi", tool_choice=choice)


BROKEN: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "no call": ([ASKED, result("a")], NO_CALL, "messages[1].role"),
    "first": ([result("a")], NO_CALL, "messages[0].role"),
    "no id": ([ASKED, calls("a"), result(None)], "Missing required parameter", "messages[2].tool_call_id"),
    "other id": ([ASKED, calls("a"), result("a"), result("b")], "no call of the", "messages[3].tool_call_id"),
    "id of an earlier turn": (
        [ASKED, calls("a"), result("a"), ASKED, calls("b"), result("a")],
        "no call of the",
        "messages[5].tool_call_id",
    ),
    "after a user": ([ASKED, calls("a"), result("a"), ASKED, result("a")], NO_CALL, "messages[4].role"),
    "unanswered": ([ASKED, calls("a"), ASKED], f"{NO_ANSWER}a", "messages[1].tool_calls"),
    "unanswered at the end": ([ASKED, calls("a")], f"{NO_ANSWER}a", "messages[1].tool_calls"),
    "one of three": ([ASKED, calls(*"abc"), result("b"), ASKED], f"{NO_ANSWER}a, c", "messages[1].tool_calls"),
    "two calls": ([ASKED, calls("a"), calls("b"), result("b")], f"{NO_ANSWER}a", "messages[1].tool_calls"),
}
WHOLE = {
    "in another order": [ASKED, calls(*"ab"), result("b"), result("a"), ASKED],
    "two turns": [ASKED, calls("a"), result("a"), calls("a"), result("a")],
    "words of the system between": [ASKED, calls("a"), SYSTEM, result("a")],
    "empty list of calls": [ASKED, {"role": "assistant", "content": "x", "tool_calls": []}, ASKED],
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_tool_turn_is_refused(client: OpenAI, name: str) -> None:
    messages, words, param = BROKEN[name]
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        ask(client, messages=messages)
    assert caught.value.param == param


@pytest.mark.parametrize("name", WHOLE)
def test_whole_tool_turn_is_answered(client: OpenAI, name: str) -> None:
    assert ask(client, messages=WHOLE[name]).choices


def test_stream_that_is_a_call_begins_without_text(client: OpenAI) -> None:
    asked: dict[str, Any] = {"tools": TOOLS[:1], "stream": True, "max_tokens": 60}
    for more in ({"tool_choice": "required"}, {"tool_choice": "required", "logprobs": True, "n": 2}):
        chunks = [chunk for chunk in ask(client, **asked, **more) if chunk.choices]
        assert not any(chunk.choices[0].delta.content for chunk in chunks)
        for index in {chunk.choices[0].index for chunk in chunks}:
            first = next(chunk.choices[0].delta for chunk in chunks if chunk.choices[0].index == index)
            assert first.to_dict()["role"] == "assistant"
            assert first.to_dict()["content"] is None
    plain = next(iter(ask(client, stream=True))).choices[0].delta
    assert (plain.role, isinstance(plain.content, str)) == ("assistant", True)
