"""Rows as the tools of vendors write them, each with the call of one question and its answer."""

from __future__ import annotations

import copy
import json
from typing import Any

from fine_tuning.data_io import formats

ASKED, ANSWERED = "Where is order 7?", "On its way."
SYSTEM = {"role": "system", "content": "Be brief."}
QUESTION = {"role": "user", "content": ASKED}
ANSWER = {"role": "assistant", "content": ANSWERED}
TURN = [SYSTEM, QUESTION, ANSWER]
SCHEMA = {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": ASKED}]}
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1764000000,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": ANSWERED, "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16},
    "system_fingerprint": None,
}
REPLY = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": ANSWERED, "annotations": [], "logprobs": []}],
}
FUNCTION = {
    "type": "function",
    "name": "track",
    "description": None,
    "parameters": {**SCHEMA, "additionalProperties": False},
    "strict": True,
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1764000000.0,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": "Be brief.",
    "max_output_tokens": None,
    "model": "gpt-5-mini",
    "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, REPLY],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "metadata": {},
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [FUNCTION],
    "top_p": 1.0,
    "usage": {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 35,
    },
}
MESSAGE: dict[str, Any] = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "thinking", "thinking": "Look.", "signature": "c2ln"}, {"type": "text", "text": ANSWERED}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 20, "output_tokens": 6},
}
MESSAGES_REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 1024,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}],
    "tools": [{"name": "track", "description": "Finds an order.", "input_schema": SCHEMA}],
}
CONTENTS_REQUEST: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [{"role": "user", "parts": [{"text": ASKED}]}],
    "tools": [
        {
            "functionDeclarations": [
                {"name": "track", "parameters": {"type": "OBJECT", "properties": {"order": {"type": "INTEGER"}}}}
            ]
        }
    ],
    "generationConfig": {"temperature": 0.2},
}
CANDIDATES: dict[str, Any] = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "Look.", "thought": True}, {"text": ANSWERED}]},
         "finishReason": "STOP", "avgLogprobs": -0.1}
    ],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12},
    "modelVersion": "gemini-2.5-flash",
    "createTime": "2026-01-02T03:04:05.000000Z",
    "responseId": "abc",
}  # fmt: skip
BATCH_INPUT = {"custom_id": "r-1", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
BATCH_OUTPUT = {
    "id": "batch_req_1",
    "custom_id": "r-1",
    "response": {"status_code": 200, "request_id": "req_1", "body": COMPLETION},
    "error": None,
}
INVOCATION: dict[str, Any] = {
    "timestamp": "2026-01-02T03:04:05Z",
    "accountId": "123456789012",
    "identity": {"arn": "arn:aws:iam::123456789012:user/ann"},
    "region": "us-east-1",
    "requestId": "0c1e",
    "operation": "InvokeModel",
    "modelId": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "input": {
        "inputContentType": "application/json",
        "inputBodyJson": {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, **{
            key: MESSAGES_REQUEST[key] for key in ("system", "messages", "tools")}},
        "inputTokenCount": 20,
    },
    "output": {"outputContentType": "application/json", "outputBodyJson": MESSAGE, "outputTokenCount": 6},
    "schemaType": "ModelInvocationLog",
    "schemaVersion": "1.0",
}  # fmt: skip
CONVERSE_REQUEST: dict[str, Any] = {
    "system": [{"text": "Be brief."}],
    "messages": [{"role": "user", "content": [{"text": ASKED}]}],
    "inferenceConfig": {"maxTokens": 99},
    "toolConfig": {"tools": [{"toolSpec": {"name": "track", "inputSchema": {"json": SCHEMA}}}]},
}
CONVERSE_RESPONSE: dict[str, Any] = {
    "output": {"message": {"role": "assistant", "content": [{"text": ANSWERED}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 20, "outputTokens": 6, "totalTokens": 26},
    "metrics": {"latencyMs": 500},
}
UI_CHAT: dict[str, Any] = {
    "id": "chat-1",
    "messages": [
        {"id": "m1", "role": "user", "parts": [{"type": "text", "text": ASKED}]},
        {
            "id": "m2",
            "role": "assistant",
            "metadata": {"model": "gpt-4o"},
            "parts": [
                {"type": "step-start"},
                {"type": "reasoning", "text": "Look.", "state": "done"},
                {
                    "type": "tool-track",
                    "toolCallId": "call_1",
                    "state": "output-available",
                    "input": {"order": 7},
                    "output": {"place": "van"},
                },
                {"type": "step-start"},
                {"type": "data-eta", "id": "d1", "data": {"hours": 2}},
                {"type": "text", "text": ANSWERED, "state": "done"},
            ],
        },
    ],
}


def webui_message(own_id: str, parent: str | None, role: str, text: str, **others: Any) -> dict[str, Any]:
    facts = {
        "childrenIds": [],
        "timestamp": 1764000000,
        **({"model": "llama3", "done": True} if role != "user" else {}),
    }
    return {"id": own_id, "parentId": parent, "role": role, "content": text, **facts, **others}


WEBUI_CHAT: dict[str, Any] = {
    "id": "c-1",
    "user_id": "u-1",
    "title": "Order",
    "chat": {
        "id": "",
        "title": "Order",
        "models": ["llama3"],
        "params": {"system": "Be brief."},
        "history": {
            "messages": {
                "a": webui_message("a", None, "user", ASKED, childrenIds=["b", "c"], models=["llama3", "qwen"]),
                "b": webui_message("b", "a", "assistant", "No idea.", modelIdx=0),
                "c": webui_message("c", "a", "assistant", ANSWERED, model="qwen", childrenIds=["d"], modelIdx=1),
                "d": webui_message("d", "c", "user", "Thanks", childrenIds=[]),
            },
            "currentId": "d",
        },
        "messages": [],
        "tags": [],
        "timestamp": 1764000000000,
        "files": [],
    },
    "created_at": 1764000000,
    "updated_at": 1764000009,
    "share_id": None,
    "archived": False,
}
FEEDBACK: dict[str, Any] = {
    "id": "f-1",
    "user_id": "u-1",
    "version": 0,
    "type": "rating",
    "data": {
        "rating": 1,
        "model_id": "qwen",
        "sibling_model_ids": ["llama3"],
        "reason": "accurate_information",
        "comment": "",
        "tags": ["orders"],
        "details": {"rating": 9},
    },
    "meta": {"arena": False, "model_id": "qwen", "message_id": "c", "message_index": 2, "chat_id": "c-1"},
    "snapshot": {"chat": WEBUI_CHAT},
    "created_at": 1764000001,
    "updated_at": 1764000002,
}
ARGILLA: dict[str, Any] = {
    "id": "1",
    "status": "completed",
    "fields": {"instruction": ASKED, "response": ANSWERED},
    "metadata": {"source": "crm"},
    "suggestions": {"rating": {"value": 2, "score": 0.9, "agent": "judge"}},
    "responses": {"rating": [{"value": 4, "user_id": "u-1"}]},
    "vectors": {},
    "_server_id": None,
}
SESSION: dict[str, Any] = {
    "id": "s-1",
    "appName": "shop",
    "userId": "ann",
    "state": {"basket": 2},
    "lastUpdateTime": 1764000009.5,
    "events": [
        {
            "id": "e1",
            "invocationId": "i1",
            "author": "user",
            "timestamp": 1764000000.0,
            "content": {"role": "user", "parts": [{"text": ASKED}]},
            "actions": {"stateDelta": {}, "artifactDelta": {}},
        },
        {
            "id": "e2",
            "invocationId": "i1",
            "author": "clerk",
            "timestamp": 1764000009.0,
            "content": {"role": "model", "parts": [{"text": "Look.", "thought": True}, {"text": ANSWERED}]},
            "finishReason": "STOP",
            "usageMetadata": CANDIDATES["usageMetadata"],
            "modelVersion": "gemini-2.5-flash",
            "actions": {"stateDelta": {}},
        },
    ],
}
CHATML = f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n{ANSWERED}<|im_end|>\n"

ONE_CALL: dict[str, dict[str, Any]] = {
    "openai-responses": {**RESPONSE, "input": [{"role": "user", "content": [{"type": "input_text", "text": ASKED}]}]},
    "batch": {**BATCH_OUTPUT, "request": CHAT},
    "openai-log": {"request_body": json.dumps(CHAT), "response_body": json.dumps(COMPLETION), "user": "ann"},
    "anthropic": {"request": MESSAGES_REQUEST, "response": MESSAGE, "created_at": "2026-01-02T03:04:05Z"},
    "bedrock-log": INVOCATION,
    "bedrock": {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": ASKED}]},
            {"role": "assistant", "content": [{"text": ANSWERED}]},
        ],
    },
    "gemini": {
        "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": ASKED}]},
            {"role": "model", "parts": [{"text": ANSWERED}]},
        ],
    },
    "gemini-log": {
        "status": "",
        "processed_time": "2026-01-02T03:04:05.000+00:00",
        "request": CONTENTS_REQUEST,
        "response": CANDIDATES,
    },
    "ai-sdk": UI_CHAT,
    "open-webui": FEEDBACK,
    "argilla": ARGILLA,
    "chat-text": {"text": CHATML},
    "google-adk": SESSION,
    "question-answer": {"question": ASKED, "answer": ANSWERED},
}


def fresh(row: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A copy of a row with other fields."""
    return {**copy.deepcopy(row), **others}


def only(row: dict[str, Any], name: str | None = None) -> formats.Call:
    assert name is None or formats.format_of(row) == name
    (call,) = formats.calls_in(row)
    return call


def called(name: str, arguments: str, own_id: str) -> dict[str, Any]:
    return {"id": own_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(own_id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": own_id, "content": text}


_CALL = called("track", '{"order": 7}', "call_1")
_OUTPUT = {"type": "json", "value": {"place": "van"}}
CALLING: dict[str, dict[str, Any]] = {
    "call": {"messages": [QUESTION, {"role": "assistant", "content": None, "tool_calls": [_CALL]}]},
    "several": {
        "messages": [
            QUESTION,
            {"role": "assistant", "content": "", "tool_calls": [_CALL, called("track", "{}", "call_2")]},
            *(result("call_1", "van"), result("call_2", "none"), ANSWER),
        ],
        "tools": [{"type": "function", "function": {"name": "track", "parameters": SCHEMA}}],
    },
    "logged": {"request": CHAT, "response": {**COMPLETION, "choices": [
        {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [_CALL]},
         "finish_reason": "tool_calls"}]}},
    "parts": {"messages": [
        {"role": "user", "content": [{"type": "text", "text": ASKED}]},
        {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}]},
    "model messages": {"messages": [
        {"role": "user", "content": [{"type": "text", "text": ASKED}]},
        {"role": "assistant", "content": [
            {"type": "tool-call", "toolCallId": "call_1", "toolName": "track", "input": {"order": 7}}]},
        {"role": "tool", "content": [
            {"type": "tool-result", "toolCallId": "call_1", "toolName": "track", "output": _OUTPUT}]},
        ANSWER]},
    "blocks": {"id": "o", "traceId": "t", "type": "GENERATION", "input": [QUESTION], "output": MESSAGE["content"]},
    "span": {"attributes": {
        "gen_ai.operation.name": "chat", "llm.request.type": "chat",
        "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": ASKED,
        "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.tool_calls.0.name": "track",
        "gen_ai.completion.0.tool_calls.0.arguments": "{}"}},
}  # fmt: skip
"""Rows whose answers call a function, or whose parts have types."""
