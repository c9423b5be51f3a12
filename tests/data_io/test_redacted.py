"""Redacted and failed calls of logs are skipped; Langfuse's marks of media and its tools among the messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.redaction import is_redacted
from fine_tuning.errors import DataError

Q = {"role": "user", "content": "Where is my parcel?"}
A = {"role": "assistant", "content": "In Lyon."}
LANGFUSE = {"id": "o", "traceId": "t", "type": "GENERATION", "name": "g", "input": [Q], "output": A}
MARKS = [
    "<fully masked due to failed mask function>",
    "<redacted>",
    "__REDACTED__",
    "[REDACTED]",
    "REDACTED",
    "redacted-by-litellm",
    "***REDACTED***",
    "[Scrubbed due to 'password']",
    "[content removed]",
    "<sensitive data hidden>",
    "{{ masked }}",
    "████████",
    "*****",
    "<truncated due to size exceeding limit>",
]
TEXTS = [
    "My name is [REDACTED].",
    "Redacted",
    "Hidden.",
    "**Removed**",
    "(removed the old file)",
    "[REDACTED_EMAIL] wrote to me",
    "<b>filtered</b>",
    "[1, 2]",
    "masked",
    "---",
    "**",
    "",
]


@pytest.mark.parametrize("text", MARKS)
def test_mark_of_redaction_is_known(text: str) -> None:
    assert is_redacted(f" {text}\n")


@pytest.mark.parametrize("text", TEXTS)
def test_text_with_such_words_is_no_mark(text: str) -> None:
    assert not is_redacted(text)


def logs(asked: object, answered: object) -> dict[str, dict[str, Any]]:
    """Rows of logs with these two sides."""
    request = {"messages": [{"role": "user", "content": asked}]}
    response = {"choices": [{"message": {"role": "assistant", "content": answered}, "finish_reason": "stop"}]}
    gen_ai = [[{"role": role, "parts": [{"type": "text", "content": text}]}] for role, text in
              (("user", asked), ("assistant", answered))]  # fmt: skip
    return {
        "langfuse": {**LANGFUSE, "input": asked, "output": answered},
        "langfuse, messages": {**LANGFUSE, "input": request["messages"], "output": {**A, "content": answered}},
        "langsmith": {"run_type": "llm", "inputs": {"input": asked}, "outputs": {"output": answered}},
        "langsmith, messages": {"run_type": "llm", "inputs": request, "outputs": response},
        "litellm": {"call_type": "acompletion", "status": "success", **request, "response": response},
        "litellm, text": {"call_type": "acompletion", "messages": asked, "response": answered},
        "helicone": {"request_id": "r", "request_body": request, "response_body": response},
        "portkey": {"ai_org": "openai", "is_success": True, "request": request, "response": response},
        "openai": {"request": request, "response": response},
        "batch": {"custom_id": "c", "response": {"status_code": 200, "body": response}, "request": request},
        "gen_ai": {
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": json.dumps(gen_ai[0]),
                "gen_ai.output.messages": json.dumps(gen_ai[1]),
            }
        },
        "openinference": {
            "attributes": {"openinference.span.kind": "LLM", "input.value": asked, "output.value": answered}
        },
        "vercel": {
            "attributes": {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.prompt.messages": json.dumps(request["messages"]),
                "ai.response.text": answered,
            }
        },
    }


@pytest.mark.parametrize("name", logs("", ""))
@pytest.mark.parametrize("mark", ["<redacted>", "__REDACTED__", "<fully masked due to failed mask function>"])
def test_redacted_call_of_a_log_is_skipped(name: str, mark: str) -> None:
    whole = logs(Q["content"], A["content"])[name]
    assert [call.messages[-1]["content"] for call in formats.calls_in(whole)] == [A["content"]]
    for asked, answered in ((mark, mark), (Q["content"], mark), (mark, A["content"])):
        assert list(formats.calls_in(logs(asked, answered)[name])) == []


def test_messages_of_a_span_that_are_a_mark_are_skipped() -> None:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": "[REDACTED]"}
    assert list(formats.calls_in({"attributes": {**attributes, "gen_ai.output.messages": "[REDACTED]"}})) == []


def test_redacted_question_without_an_answer_is_skipped() -> None:
    asked = [{"role": "user", "content": "<redacted>"}]
    assert list(formats.calls_in({**LANGFUSE, "input": asked, "output": None})) == []


def test_call_with_redacted_arguments_is_skipped() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "[REDACTED]"}}
    row = {**LANGFUSE, "output": {"role": "assistant", "content": None, "tool_calls": [call]}}
    assert list(formats.calls_in(row)) == []


@pytest.mark.parametrize("level", ["ERROR", "error"])
def test_failed_generation_with_a_partial_answer_is_skipped(level: str) -> None:
    assert list(formats.calls_in({**LANGFUSE, "level": level})) == []
    assert len(list(formats.calls_in({**LANGFUSE, "level": "WARNING"}))) == 1


MARK = "@@@langfuseMedia:type=image/jpeg|id=abc-1|source=base64_data_uri@@@"
MEDIA: dict[str, dict[str, Any]] = {
    "image": {"input": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": MARK}}]}]},
    "content": {"input": [{"role": "user", "content": MARK}]},
    "text": {"input": MARK},
    "among text": {"input": [{"role": "user", "content": f"What is this? {MARK}"}]},
    "answer": {"output": {"role": "assistant", "content": MARK}},
    "of a request": {"input": json.dumps({"messages": [{"role": "user", "content": MARK}]})},
}


@pytest.mark.parametrize("name", MEDIA)
def test_media_that_langfuse_keeps_elsewhere_is_refused_by_name(name: str) -> None:
    with pytest.raises(DataError, match="@@@langfuseMedia:type=image/jpeg"):
        list(formats.calls_in({**LANGFUSE, **MEDIA[name]}))


def test_image_without_an_address_is_refused() -> None:
    part = {"type": "image_url", "image_url": {"url": "/home/me/a.png"}}
    with pytest.raises(DataError, match="an image must be an address"):
        list(formats.calls_in({"messages": [{"role": "user", "content": [part]}, A]}))


SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "find", "description": "Finds it.", "parameters": SCHEMA}}
FLAT = {"name": "find", "description": "Finds it."}
DEFINITIONS: dict[str, object] = {
    "openai": TOOL,
    "json text": json.dumps(TOOL),
    "flat": {**FLAT, "parameters": SCHEMA},
    "anthropic": {**FLAT, "input_schema": SCHEMA},
    "bedrock": {"toolSpec": {**FLAT, "inputSchema": {"json": SCHEMA}}},
    "gemini": {"function_declarations": [{**FLAT, "parameters": SCHEMA}]},
}


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("is_request", [True, False])
def test_tools_that_langfuse_appends_to_the_messages_are_tools(name: str, is_request: bool) -> None:
    messages = [Q, {"role": "tool", "content": DEFINITIONS[name]}]
    (call,) = formats.calls_in({**LANGFUSE, "input": {"messages": messages} if is_request else messages})
    assert (call.messages, call.tools) == ([Q, A], [TOOL])


def test_tools_beside_a_prompt_are_tools() -> None:
    (call,) = formats.calls_in({**LANGFUSE, "input": [Q["content"], {"role": "tool", "content": TOOL}]})
    assert (call.messages, call.tools) == ([Q, A], [TOOL])


def test_results_of_tools_beside_them_stay_results() -> None:
    asking = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "name": "find", "args": {"id": "7"}}]}
    found = {"role": "tool", "tool_call_id": "c", "content": '{"name": "parcel", "parameters": {}}'}
    (call,) = formats.calls_in({**LANGFUSE, "input": [Q, asking, found, {"role": "tool", "content": TOOL}]})
    assert call.tools == [TOOL]
    assert [each["role"] for each in call.messages] == ["user", "assistant", "tool", "assistant"]


def test_tool_of_a_host_among_the_messages_is_refused_by_name() -> None:
    tool = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(DataError, match="web_search_20250305"):
        list(formats.calls_in({**LANGFUSE, "input": [Q, {"role": "tool", "content": tool}]}))
