"""Calls of tools whose schemas no grammar holds as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.errors import ProviderError
from fine_tuning.serving.chat_types import ChatBody, usage
from fine_tuning.serving.chat_wire import text_from_chunks
from fine_tuning.serving.checked_calls import CheckedCalls
from fine_tuning.serving.prompted_tools import PromptedTools
from fine_tuning.serving.response_grammar import with_grammar
from tests.serving.streamed import streamed
from tests.serving.test_checked_answers import ASKED, SETTINGS, Scripted

LARGE = 2**60 + 1  # of which no grammar holds the multiples


def tool(**function: Any) -> dict[str, Any]:
    number = {"type": "integer", "multipleOf": LARGE}
    parameters = {"type": "object", "properties": {"n": number}, "required": ["n"], "additionalProperties": False}
    return {"type": "function", "function": {"name": "f", "parameters": parameters, "strict": True, **function}}


def call(*numbers: int) -> str:
    return json.dumps({"tool_calls": [{"name": "f", "arguments": {"n": number}} for number in numbers]})


def engine(*answers: str, reason: str = "stop", checks_required: bool = False) -> tuple[CheckedCalls, Scripted]:
    scripted = Scripted(*answers, reason=reason)
    return CheckedCalls(PromptedTools(scripted), checks_required=checks_required), scripted


def body(**more: Any) -> ChatBody:
    asked: Any = {"messages": ASKED, "tools": [tool()], **more}
    return asked


def numbers(calls: Any) -> list[int]:
    return [json.loads(each["function"]["arguments"])["n"] for each in calls]


@pytest.mark.parametrize("way", ["complete", "stream", "chat_chunks"])
def test_strict_call_that_breaks_its_schema_is_asked_for_again_once(way: str) -> None:
    checked, scripted = engine(call(LARGE, 3), call(LARGE, 2 * LARGE), call(0))
    if way == "complete":
        answer = checked.complete(ASKED, tools=[tool()], **SETTINGS)
    elif way == "stream":
        _, answer = streamed(checked.stream(ASKED, tools=[tool()], **SETTINGS))
    else:
        _, answer = streamed(text_from_chunks(checked.chat_chunks(body()), "scripted"))
    assert (numbers(answer.tool_calls), answer.finish_reason) == ([LARGE, 2 * LARGE], "tool_calls")
    assert (answer.prompt_tokens, answer.completion_tokens) == (10, 6)
    asked = str(scripted.asked[1][-1]["content"])
    assert "This was not called, because of another call" in asked
    assert f"3 is not a multiple of {LARGE}. Call f again" in asked


@pytest.mark.parametrize("way", ["complete", "stream", "chat_chunks"])
def test_strict_call_that_is_invalid_again_is_never_given(way: str) -> None:
    checked, _ = engine(call(3), call(5))
    with pytest.raises(
        ProviderError, match=f"the strict tool f with invalid arguments: .* 5 is not a multiple of {LARGE}"
    ):
        if way == "complete":
            checked.complete(ASKED, tools=[tool()], **SETTINGS)
        elif way == "stream":
            streamed(checked.stream(ASKED, tools=[tool()], **SETTINGS))
        else:
            list(checked.chat_chunks(body()))


def test_strict_call_of_a_template_with_tools_is_checked_as_a_whole() -> None:
    small = tool(parameters={"type": "object", "properties": {"n": {"type": "integer", "multipleOf": 7}}})
    for checks_required, count in ((True, 2), (False, 1)):
        checked, scripted = engine(call(3), call(7), checks_required=checks_required)
        list(checked.chat_chunks(body(tools=[small])))
        assert len(scripted.asked) == count


@pytest.mark.parametrize(
    ("more", "answer", "reason"),
    [
        ({}, call(LARGE), "stop"),
        ({}, "Three.", "stop"),
        ({}, call(3)[:-6], "length"),
        ({"tools": [tool(strict=False)]}, call(3), "stop"),
        ({"tools": [tool(parameters={"type": "object"})]}, call(3), "stop"),
        ({"tool_choice": "none"}, "Three.", "stop"),
    ],
)
def test_other_answer_is_given_as_it_is(more: dict[str, Any], answer: str, reason: str) -> None:
    checked, scripted = engine(answer, "never", reason=reason)
    list(checked.chat_chunks(body(**more)))
    assert len(scripted.asked) == 1


def test_text_before_a_call_streams_and_is_shown_once() -> None:
    checked, _ = engine(f"Well. {call(3)}", f"Well. {call(LARGE)}")
    pieces, answer = streamed(text_from_chunks(checked.chat_chunks(body()), "scripted"))
    assert (answer.text, numbers(answer.tool_calls)) == ("Well.", [LARGE])
    assert len(pieces) > 1
    checked, _ = engine(f"Well. {call(3)}", f"Well. {call(LARGE)}")
    assert streamed(checked.stream(ASKED, tools=[tool()], **SETTINGS))[1].text == "Well."


def test_each_choice_is_checked() -> None:
    checked, _ = engine(call(3), call(LARGE), "Text.")
    chunks = [*checked.chat_chunks(body(n=2))]
    reasons = {each["index"]: reason for c in chunks for each in c["choices"] if (reason := each.get("finish_reason"))}
    assert reasons == {0: "tool_calls", 1: "stop"}
    assert chunks[-1]["usage"] == usage(15, 9)


def test_required_call_is_checked_where_the_engine_inside_does_not() -> None:
    lax: Any = {"tools": [tool(strict=False)], "tool_choice": "required"}
    for checks_required, count in ((True, 2), (False, 1)):
        checked, scripted = engine(call(3), call(LARGE), checks_required=checks_required)
        list(checked.chat_chunks(body(**lax)))
        assert len(scripted.asked) == count


def test_rules_that_no_grammar_holds_are_in_the_description_of_a_tool() -> None:
    (held,) = with_grammar({"messages": ASKED, "tools": [tool(description="Count.")]})["tools"]
    assert held["function"]["description"].startswith("Count.\nThe JSON must also keep to these rules")
    plain = tool(parameters={"type": "object"})
    assert with_grammar({"messages": ASKED, "tools": [plain]})["tools"] == [plain]
