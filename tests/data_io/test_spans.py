"""Spans of models' calls, by each convention and as each backend exports them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io.test_formats import ANSWERED, ASKED, CALL, TOOLS, only, said

RULES = {"role": "system", "content": "Be short."}
URL = "https://images.example/7.png"
SEEN = {
    "role": "user",
    "content": [{"type": "text", "text": "Where is order 7?"}, {"type": "image_url", "image_url": {"url": URL}}],
}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "in a van"}
WHOLE = [RULES, ASKED, CALLING, RESULT, ANSWERED]


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """A tree as attributes with dotted names."""
    if isinstance(value, dict):
        inner: Any = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        return {name: value}
    return {key: each for part, child in inner for key, each in flat(child, f"{name}.{part}".strip(".")).items()}


def typed(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP's list of typed values."""
    kinds = {str: "stringValue", bool: "boolValue", float: "doubleValue"}
    return [
        {"key": key, "value": {"intValue": str(value)} if type(value) is int else {kinds[type(value)]: value}}
        for key, value in attributes.items()
    ]


OPENLLMETRY = flat(
    {
        "llm": {
            "request": {
                "type": "chat",
                "functions": [{"name": "track", "parameters": json.dumps({"type": "object"})}],
            }
        },
        "gen_ai": {
            "system": "OpenAI",
            "request": {"model": "gpt-4o"},
            "response": {"model": "gpt-4o-x"},
            "usage": {"prompt_tokens": 5, "completion_tokens": 3},
            "prompt": [
                RULES,
                ASKED,
                {"role": "assistant", "tool_calls": [{"id": "call_1", "name": "track", "arguments": '{"order": 7}'}]},
                RESULT,
            ],
            "completion": [
                {"role": "assistant", "content": "On its way.", "finish_reason": "stop"},
                {"role": "assistant", "content": "No idea.", "finish_reason": "stop"},
            ],
        },
    }
)
INFERENCE_TREE = {
    "openinference": {"span": {"kind": "LLM"}},
    "llm": {
        "model_name": "gpt-4o-x",
        "token_count": {"prompt": 5, "completion": 3},
        "finish_reason": "stop",
        "tools": [{"tool": {"json_schema": json.dumps(TOOLS[0])}}],
        "input_messages": [
            {"message": RULES},
            {"message": ASKED},
            {
                "message": {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "tool_call": {
                                "id": "call_1",
                                "function": {"name": "track", "arguments": '{"order": 7}'},
                            }
                        }
                    ],
                }
            },
            {"message": RESULT},
        ],
        "output_messages": [{"message": ANSWERED}, {"message": {"role": "assistant", "content": "No idea."}}],
    },
}
INFERENCE = flat(INFERENCE_TREE)
GEN_AI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.response.model": "gpt-4o-x",
    "gen_ai.usage.input_tokens": 5,
    "gen_ai.usage.output_tokens": 3,
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be short."}]),
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "track", "parameters": {"type": "object"}}]),
    "gen_ai.input.messages": json.dumps(
        [
            said("user", "Where is order 7?"),
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "call_1", "name": "track", "arguments": {"order": 7}}],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "in a van"}]},
        ]
    ),
    "gen_ai.output.messages": json.dumps(
        [{**said("assistant", "On its way."), "finish_reason": "stop"}, said("assistant", "No idea.")]
    ),
}
VERCEL = {
    "operation.name": "ai.generateText.doGenerate",
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.id": "gpt-4o",
    "ai.response.model": "gpt-4o-x",
    "ai.usage.promptTokens": 5,
    "ai.usage.completionTokens": 3,
    "gen_ai.request.model": "gpt-4o",
    "ai.prompt.tools": json.dumps(
        [json.dumps({"type": "function", "name": "track", "inputSchema": {"type": "object"}})]
    ),
    "ai.prompt.messages": json.dumps(
        [
            RULES,
            {"role": "user", "content": [{"type": "text", "text": "Where is order 7?"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool-call", "toolCallId": "call_1", "toolName": "track", "input": {"order": 7}}],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "type": "tool-result",
                        "toolCallId": "call_1",
                        "toolName": "track",
                        "output": {"type": "text", "value": "in a van"},
                    }
                ],
            },
        ]
    ),
    "ai.response.text": "On its way.",
    "ai.response.finishReason": "stop",
}
CONVENTIONS = {"gen_ai": GEN_AI, "openllmetry": OPENLLMETRY, "openinference": INFERENCE, "vercel": VERCEL}


def otlp(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"traceId": "a", "spanId": "b", "startTimeUnixNano": "1764000000000000000", "attributes": typed(attributes)}


EXPORTS = {
    "flat": lambda given: {"name": "chat", "context": {"trace_id": "a", "span_id": "b"}, "attributes": given},
    "text": lambda given: {"trace_id": "a", "span_id": "b", "span_attributes": json.dumps(given)},
    "clickhouse": lambda given: {
        "TraceId": "a",
        "SpanAttributes": {key: str(value) if type(value) is int else value for key, value in given.items()},
    },
    "columns": lambda given: {"context.span_id": "b", **{f"attributes.{key}": each for key, each in given.items()}},
    "otlp": otlp,
    "collector": lambda given: {"resourceSpans": [{"scopeSpans": [{"spans": [otlp(given)]}]}]},
    "tempo": lambda given: {"batches": [{"scopeSpans": [{"spans": [otlp(given)]}]}]},
    "tempo-v2": lambda given: {"trace": {"resourceSpans": [{"scopeSpans": [{"spans": [otlp(given)]}]}]}},
    "jaeger": lambda given: {
        "traceID": "a",
        "spans": [
            {
                "traceID": "a",
                "spanID": "b",
                "startTime": 1764000000000000,
                "tags": [{"key": key, "type": "string", "value": value} for key, value in given.items()],
                "logs": [],
            }
        ],
    },
}


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("export", EXPORTS)
def test_calls_in_span_of_each_convention_and_export_reads_the_call(convention: str, export: str) -> None:
    row = json.loads(json.dumps(EXPORTS[export](CONVENTIONS[convention])))
    assert formats.format_of(row) == "opentelemetry"
    call = only(row)
    assert [{k: v for k, v in message.items() if k != "name"} for message in call.messages] == WHOLE
    assert (call.tools, call.model, call.finish_reason) == (TOOLS, "gpt-4o-x", "stop")
    if export != "clickhouse":
        assert call.usage == {"prompt_tokens": 5, "completion_tokens": 3}
    if export in {"otlp", "collector", "tempo", "jaeger"}:
        assert call.captured_at == "2025-11-24T16:00:00+00:00"


def test_calls_in_span_with_attributes_as_objects_reads_them() -> None:
    assert only({"attributes": INFERENCE_TREE}).messages == WHOLE
    messages = INFERENCE_TREE["llm"]["input_messages"]
    table = {
        "attributes.openinference.span.kind": "LLM",
        "attributes.llm.input_messages": [
            flat(each) | flat({}) for each in messages if "tool_calls" not in each["message"]
        ][:2],
        "attributes.llm.output_messages": [{"message.role": "assistant", "message.content": "On its way."}],
        "attributes.llm.token_count.prompt": 5,
    }
    assert only(table).messages == [RULES, ASKED, ANSWERED]
    divided = {
        "gen_ai": {
            "operation": {"name": "chat"},
            "input": {"messages": GEN_AI["gen_ai.input.messages"]},
            "output": {"messages": GEN_AI["gen_ai.output.messages"]},
        }
    }
    assert only({"attributes": divided}).messages == WHOLE[1:]


def test_calls_in_span_with_images_reads_each_convention() -> None:
    parts = [{"type": "text", "content": "Where is order 7?"}, {"type": "uri", "modality": "image", "uri": URL}]
    stated = {**GEN_AI, "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}])}
    assert only({"attributes": stated}).messages == [RULES, SEEN, ANSWERED]
    numbered = {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": json.dumps(SEEN["content"]),
        "gen_ai.completion.0.content": "On its way.",
    }
    assert only({"attributes": numbered}).messages == [SEEN, ANSWERED]
    contents = [
        {"message_content": {"type": "text", "text": "Where is order 7?"}},
        {"message_content": {"type": "image", "image": {"image": {"url": URL}}}},
    ]
    inference = flat(
        {
            "openinference": {"span": {"kind": "LLM"}},
            "llm": {
                "input_messages": [{"message": {"role": "user", "contents": contents}}],
                "output_messages": [{"message": {"role": "assistant", "contents": contents[:1]}}],
            },
        }
    )
    answer = {"role": "assistant", "content": "Where is order 7?"}
    assert only({"attributes": inference}).messages == [SEEN, answer]
    blob = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="}
    stated["gen_ai.input.messages"] = json.dumps([{"role": "user", "parts": [blob]}])
    (image,) = only({"attributes": stated}).messages[1]["content"]
    assert image["image_url"]["url"] == "data:image/png;base64,aGk="


def test_calls_in_numbered_attributes_with_gaps_keeps_their_order() -> None:
    attributes = {
        "gen_ai.prompt.10.role": "user",
        "gen_ai.prompt.10.content": "Where is order 7?",
        "gen_ai.prompt.2.role": "system",
        "gen_ai.prompt.2.content": "Be short.",
        "gen_ai.completion.1.role": "assistant",
        "gen_ai.completion.1.content": "On its way.",
        "gen_ai.completion.1.finish_reason": "length",
    }
    for row in ({"attributes": attributes}, {"attributes": typed(attributes)}):
        assert (only(row).messages, only(row).finish_reason) == ([RULES, ASKED, ANSWERED], "length")


EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("gen_ai.system.message", {"content": "Be short."}),
    ("gen_ai.user.message", {"content": "Where is order 7?"}),
    ("gen_ai.assistant.message", {"tool_calls": [CALL]}),
    ("gen_ai.tool.message", {"id": "call_1", "content": "in a van"}),
    (
        "gen_ai.choice",
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "On its way."}},
    ),
    ("gen_ai.choice", {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "No idea."}}),
]


def any_value(value: Any) -> dict[str, Any]:
    """A value as OTLP's AnyValue."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": any_value(each)} for key, each in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(each) for each in value]}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def as_attributes(body: dict[str, Any]) -> dict[str, Any]:
    texts = {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in body.items()}
    return {"gen_ai.system": "openai", **texts}


EVENT_ROWS: dict[str, dict[str, Any]] = {
    "span-events": {
        "attributes": {"gen_ai.operation.name": "chat"},
        "events": [{"name": name, "attributes": as_attributes(body)} for name, body in EVENTS],
    },
    "plain-bodies": {
        "attributes": {"gen_ai.operation.name": "chat"},
        "events": [{"name": name, "body": body} for name, body in EVENTS],
    },
    "azure": {
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.system": "az.ai.inference"},
        "events": [
            {"name": name, "attributes": {"gen_ai.system": "az.ai.inference", "gen_ai.event.content": json.dumps(body)}}
            for name, body in EVENTS
        ],
    },
    "logfire": {
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "events": json.dumps(
                [{"event.name": name, "gen_ai.message.index": 0, "name": "track", **body} for name, body in EVENTS]
            ),
        }
    },
    "log-records": {
        "resourceLogs": [
            {
                "scopeLogs": [
                    {
                        "logRecords": [
                            {
                                "spanId": "b",
                                "traceId": "a",
                                "eventName": name,
                                "attributes": typed({"gen_ai.system": "openai"}),
                                "body": any_value(body),
                            }
                            for name, body in EVENTS
                        ]
                    }
                ]
            }
        ]
    },
    "named-log-records": {
        "resourceLogs": [
            {
                "scopeLogs": [
                    {
                        "logRecords": [
                            {"spanId": "b", "traceId": "a", "body": any_value(body)}
                            | ({"eventName": name} if at else {"attributes": typed({"event.name": name})})
                            for at, (name, body) in enumerate(EVENTS)
                        ]
                    }
                ]
            }
        ]
    },
    "details": {
        "resourceLogs": [
            {
                "scopeLogs": [
                    {
                        "logRecords": [
                            {
                                "spanId": "b",
                                "eventName": "gen_ai.client.inference.operation.details",
                                "attributes": typed(GEN_AI),
                            }
                        ]
                    }
                ]
            }
        ]
    },
    "span-details": {
        "attributes": {"gen_ai.operation.name": "chat"},
        "events": [{"name": "gen_ai.client.inference.operation.details", "attributes": GEN_AI}],
    },
    "bedrock-agents": {
        "attributes": {"gen_ai.operation.name": "chat"},
        "events": [
            {"name": "gen_ai.system.message", "attributes": {"content": '[{"text": "Be short."}]'}},
            {"name": "gen_ai.user.message", "attributes": {"content": '[{"text": "Where is order 7?"}]'}},
            {
                "name": "gen_ai.assistant.message",
                "attributes": {
                    "content": '[{"toolUse": {"toolUseId": "call_1", "name": "track", "input": {"order": 7}}}]'
                },
            },
            {
                "name": "gen_ai.tool.message",
                "attributes": {
                    "role": "tool",
                    "content": '[{"toolResult": {"toolUseId": "call_1", "content": [{"text": "in a van"}]}}]',
                },
            },
            {
                "name": "gen_ai.choice",
                "attributes": {"message": '[{"text": "On its way."}]', "finish_reason": "end_turn"},
            },
        ],
    },
}


@pytest.mark.parametrize("kind", EVENT_ROWS)
def test_calls_in_events_reads_the_call(kind: str) -> None:
    call = only(json.loads(json.dumps(EVENT_ROWS[kind])))
    assert [{k: v for k, v in message.items() if k != "name"} for message in call.messages] == WHOLE
    assert call.finish_reason == "stop"


AROUND = {
    "pydantic-agent": {"gen_ai.operation.name": "invoke_agent", "pydantic_ai.all_messages": "[]"},
    "pydantic-agent-v1": {"model_name": "gpt-4o", "gen_ai.usage.input_tokens": 5, "all_messages_events": "[]"},
    "tool": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "track"},
    "embeddings": {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "m"},
    "openllmetry-embeddings": {"llm.request.type": "embedding", "gen_ai.prompt.0.content": "a"},
    "workflow": {"traceloop.span.kind": "workflow", "gen_ai.agent.name": "a", **OPENLLMETRY},
    "no-request": {"gen_ai.agent.name": "a"},
    "openinference-agent": {**INFERENCE, "openinference.span.kind": "AGENT"},
    "openinference-chain": {**INFERENCE, "openinference.span.kind": "CHAIN"},
    "openinference-embedding": {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "m"},
    "vercel-outer": {**VERCEL, "ai.operationId": "ai.generateText"},
    "vercel-tool": {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "track"},
    "redacted": {**INFERENCE, "llm.output_messages.0.message.content": "__REDACTED__"},
    "hidden": {"openinference.span.kind": "LLM", "input.value": "__REDACTED__", "output.value": "__REDACTED__"},
}


@pytest.mark.parametrize("kind", AROUND)
def test_calls_in_span_around_calls_or_of_no_chat_yields_none(kind: str) -> None:
    assert list(formats.calls_in({"attributes": AROUND[kind]})) == []


@pytest.mark.parametrize("place", [{"context.span_id": "1"}, {"context": {"span_id": "1"}, "attributes": {}}])
@pytest.mark.parametrize("kind", ["CHAIN", "TOOL", "RETRIEVER", "UNKNOWN"])
def test_calls_in_row_with_a_kind_beside_its_attributes_yields_none(kind: str, place: dict[str, Any]) -> None:
    assert list(formats.calls_in({"name": "step", "span_kind": kind, "status_code": "OK", **place})) == []


def test_calls_in_trace_with_parents_captures_each_conversation_once() -> None:
    attributes = (
        AROUND["pydantic-agent"],
        GEN_AI,
        AROUND["openinference-chain"],
        AROUND["vercel-outer"],
        AROUND["tool"],
    )
    trace = {"resourceSpans": [{"scopeSpans": [{"spans": [otlp(each) for each in attributes]}]}]}
    assert [call.messages for call in formats.calls_in(trace)] == [WHOLE]


@pytest.mark.parametrize(
    "status", [{"status": {"code": 2}}, {"status": {"status_code": "ERROR"}}, {"status_code": "ERROR"}]
)
def test_calls_in_failed_span_yields_none(status: dict[str, Any]) -> None:
    assert list(formats.calls_in({"attributes": GEN_AI, **status})) == []


def test_calls_in_span_without_content_names_the_setting() -> None:
    for attributes, setting in (
        ({"gen_ai.operation.name": "chat"}, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"),
        ({"openinference.span.kind": "LLM"}, "OPENINFERENCE_HIDE_INPUTS"),
        ({"ai.operationId": "ai.streamText.doStream"}, "recordInputs"),
    ):
        with pytest.raises(DataError, match=setting):
            list(formats.calls_in({"attributes": attributes}))


def test_calls_in_openinference_span_of_values_only_reads_them() -> None:
    values = {
        "openinference.span.kind": "LLM",
        "input.value": json.dumps({"model": "gpt-4o", "messages": [RULES, ASKED]}),
        "output.value": json.dumps({"choices": [{"message": ANSWERED}]}),
    }
    assert only({"attributes": values}).messages == [RULES, ASKED, ANSWERED]


def test_calls_in_openinference_span_reads_functions_of_the_older_api() -> None:
    numbered = {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Where is it?",
        "llm.input_messages.1.message.role": "assistant",
        "llm.input_messages.1.message.function_call_name": "track",
        "llm.input_messages.1.message.function_call_arguments_json": '{"order": 7}',
        "llm.input_messages.2.message.role": "function",
        "llm.input_messages.2.message.name": "track",
        "llm.input_messages.2.message.content": "lost",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.function_call_name": "refund",
        "llm.output_messages.0.message.function_call_arguments_json": "{}",
    }
    messages = only({"attributes": {"openinference.span.kind": "LLM", **numbered}}).messages
    called = [[call["function"] for call in each.get("tool_calls", [])] for each in messages]
    track, refund = {"name": "track", "arguments": '{"order": 7}'}, {"name": "refund", "arguments": "{}"}
    assert called == [[], [track], [], [refund]]
    assert messages[2]["tool_call_id"] == messages[1]["tool_calls"][0]["id"]
