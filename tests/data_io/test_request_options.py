"""Options of a logged request on which its answer depends: kept under OpenAI's names, and said by the checks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.request_options import request_options
from fine_tuning.datasets.file_check import examine
from fine_tuning.errors import DataError
from tests.data_io.test_logged_requests import HARMLESS, LOGS, call_of

Row = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "add", "parameters": SCHEMA}}
NAMED = {"type": "function", "function": {"name": "add"}}
OF_SCHEMA = {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA}}
JSON = {"type": "json_object"}
Q, A = {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ({"response_format": JSON}, {"response_format": JSON}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}, "verbosity": "low"}},
            {
                "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
                "verbosity": "low",
            },
        ),
        ({"text": {"format": {"type": "text"}, "verbosity": "medium"}}, {}),
        ({"format": "json"}, {"response_format": JSON}),
        ({"format": SCHEMA}, {"response_format": OF_SCHEMA}),
        (
            {"output_format": {"type": "json_schema", "schema": SCHEMA}},
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
        ),
        ({"generationConfig": {"responseMimeType": "application/json"}}, {"response_format": JSON}),
        (
            {"generation_config": {"response_mime_type": "application/json", "response_schema": SCHEMA}},
            {"response_format": OF_SCHEMA},
        ),
        ({"generationConfig": {"temperature": 1}}, {}),
        ({"guided_choice": ["a", "b"]}, {"guided_choice": ["a", "b"]}),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        ({"tool_choice": NAMED}, {"tool_choice": NAMED}),
        ({"tool_choice": {"type": "function", "name": "add"}}, {"tool_choice": NAMED}),
        ({"function_call": {"name": "add"}}, {"tool_choice": NAMED}),
        (
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
        ({"tool_choice": {"type": "tool", "name": "add"}}, {"tool_choice": NAMED}),
        ({"toolConfig": {"tools": [], "toolChoice": {"any": {}}}}, {"tool_choice": "required"}),
        ({"toolConfig": {"toolChoice": {"tool": {"name": "add"}}}}, {"tool_choice": NAMED}),
        ({"toolConfig": {"toolChoice": {"auto": {}}}}, {}),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}}},
            {"tool_choice": NAMED},
        ),
        ({"tool_config": {"function_calling_config": {"mode": "any"}}}, {"tool_choice": "required"}),
        ({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}, {}),
        ({"toolChoice": {"type": "tool", "toolName": "add"}}, {"tool_choice": NAMED}),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ],
)
def test_option_in_any_vendors_words_is_under_openais_name(request_: Row, options: Row) -> None:
    assert request_options(request_) == options


@pytest.mark.parametrize("log", LOGS)
def test_options_of_a_logged_request_are_kept(log: str) -> None:
    fields = {"tools": [TOOL], "tool_choice": NAMED, "response_format": JSON, "parallel_tool_calls": False}
    kept = call_of(log, fields).metadata
    assert (kept["tool_choice"], kept["response_format"], kept["parallel_tool_calls"]) == (NAMED, JSON, False)
    assert not {"tool_choice", "response_format", "parallel_tool_calls"} & call_of(log, HARMLESS).metadata.keys()


def test_check_says_which_option_a_training_row_cannot_say() -> None:
    row = LOGS["openai-log"]({"model": "m", "messages": [Q], "response_format": JSON})
    assert [(each.code, each.field) for each in examine(json.dumps(row).encode()).findings] == [
        ("request-option", "response_format")
    ]


def span(**attributes: object) -> Row:
    return {"attributes": {"openinference.span.kind": "LLM", **attributes}}


def test_request_in_the_input_of_a_span_is_read_whole() -> None:
    request = {"model": "m", "messages": [Q], "tools": [TOOL], "tool_choice": "required", "response_format": JSON}
    completion = {"model": "m-1", "choices": [{"message": A, "finish_reason": "length"}]}
    row = span(**{"input.value": json.dumps(request), "output.value": json.dumps(completion)})
    (call,) = formats.calls_in(row)
    assert (call.messages, call.tools, call.model, call.finish_reason) == ([Q, A], [TOOL], "m-1", "length")
    assert (call.metadata["tool_choice"], call.metadata["response_format"]) == ("required", JSON)


def test_request_to_another_api_in_the_input_of_a_span_is_read() -> None:
    tool = {"name": "add", "input_schema": SCHEMA}
    request = {"model": "m", "system": "Short.", "messages": [Q], "tools": [tool]}
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "4"}]}
    numbered = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "2+2?"}
    for beside in ({}, numbered):
        row = span(**{"input.value": json.dumps(request), "output.value": json.dumps(message), **beside})
        (call,) = formats.calls_in(row)
        assert call.messages == [{"role": "system", "content": "Short."}, Q, A]
        assert call.tools == [TOOL]


def test_parameters_of_a_span_are_read() -> None:
    numbered = {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "2+2?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "4",
    }
    parameters = {"tools": [TOOL], "tool_choice": "required", "temperature": 1}
    (call,) = formats.calls_in(span(**numbered, **{"llm.invocation_parameters": json.dumps(parameters)}))
    assert (call.messages, call.tools, call.metadata) == ([Q, A], [TOOL], {"tool_choice": "required"})


LANGFUSE = {"traceId": "t", "id": "o", "type": "GENERATION", "input": [Q], "output": A}


@pytest.mark.parametrize(
    "beside",
    [
        {"modelParameters": {"tools": [TOOL]}},
        {"modelParameters": json.dumps({"tools": json.dumps([TOOL]), "temperature": 1})},
        {"model_parameters": {"functions": [TOOL["function"]]}},
        {"toolDefinitions": {"add": json.dumps({"parameters": SCHEMA})}},
        {"tool_definitions": json.dumps([{"name": "add", "parameters": SCHEMA}])},
    ],
)
def test_tools_that_langfuse_keeps_beside_the_input_are_read(beside: Row) -> None:
    (call,) = formats.calls_in({**LANGFUSE, **beside})
    assert call.tools == [TOOL]


def test_options_and_calls_that_langfuse_keeps_beside_are_read() -> None:
    called = json.dumps({"id": "c1", "name": "add", "arguments": "{}"})
    beside = {"output": None, "toolCalls": [called], "modelParameters": {"tool_choice": "required"}}
    (call,) = formats.calls_in({**LANGFUSE, **beside})
    assert [each["function"]["name"] for each in call.messages[-1]["tool_calls"]] == ["add"]
    assert call.metadata["tool_choice"] == "required"


TEMPLATE = {"id": "pmpt_1", "version": "2", "variables": {"city": "Bonn"}}
TEXT = [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "You are in Bonn."}]}]
RESPONSE = {
    "object": "response",
    "status": "completed",
    "model": "m",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4"}]}],
}


@pytest.mark.parametrize(
    "row",
    [
        {**RESPONSE, "input": [Q], "prompt": TEMPLATE, "instructions": TEXT},
        {"request": {"model": "m", "input": [Q], "prompt": TEMPLATE}, "response": {**RESPONSE, "instructions": TEXT}},
    ],
)
def test_prompt_template_of_a_response_is_kept_beside_its_text(row: Row) -> None:
    (call,) = formats.calls_in(row)
    assert call.messages == [{"role": "developer", "content": "You are in Bonn."}, Q, A]
    assert call.metadata["prompt_template"] == TEMPLATE


@pytest.mark.parametrize(
    "row",
    [
        {**RESPONSE, "input": [Q], "prompt": TEMPLATE, "instructions": None},
        {"request": {"model": "m", "input": [Q], "prompt": TEMPLATE, "instructions": "Short."}, "response": RESPONSE},
    ],
)
def test_prompt_template_whose_text_is_with_the_host_is_refused(row: Row) -> None:
    with pytest.raises(DataError, match="prompt: its text is with the host"):
        list(formats.calls_in(row))
