"""Routes of applications on Gemini's API, whose model is in the path: any target answers them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from fine_tuning.distillation import DistillationDataCollector
from tests.gateway.conftest import Gateway, running
from tests.gateway.scripted_upstream import Upstream, answer, chunk
from tests.gateway.test_pass_through import STREAM, ask, request
from tests.gateway.test_recording import JSON
from tests.gateway.test_routes import save

WHOLE = "/gemini/v1beta/models/triage:generateContent"
STREAMED = "/gemini/v1beta/models/triage:streamGenerateContent?alt=sse"
KEY = b"x-goog-api-key: g-vendor"
HI = [{"role": "user", "parts": [{"text": "Hi"}]}]
TALK: dict[str, Any] = {
    "system_instruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {
            "role": "user",
            "parts": [{"text": "Rain in Rome?"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}],
        },
        {
            "role": "model",
            "parts": [
                {"text": "I look.", "thought": True},
                {"functionCall": {"name": "weather", "args": {"place": "Rome"}}},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "rain"}}}]},
    ],
    "tools": [
        {
            "functionDeclarations": [
                {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"place": {"type": "STRING"}}}}
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    "generationConfig": {
        "temperature": 0.5,
        "maxOutputTokens": 20,
        "stopSequences": ["END"],
        "thinkingConfig": {"thinkingBudget": 0},
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"sky": {"type": "STRING"}}},
    },
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
}
CALL = {"id": "call_9", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 7,
    "total_tokens": 16,
    "completion_tokens_details": {"reasoning_tokens": 4},
    "prompt_tokens_details": {"cached_tokens": 2},
}
COUNTED = {
    "promptTokenCount": 9,
    "candidatesTokenCount": 3,
    "totalTokenCount": 16,
    "thoughtsTokenCount": 4,
    "cachedContentTokenCount": 2,
}


def body(**fields: Any) -> bytes:
    return json.dumps({"contents": HI, **fields}).encode()


def completion(message: dict[str, Any], reason: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": [choice], "usage": USAGE}
    ).encode()


def sent(upstream: Upstream, number: int = -1) -> Any:
    return json.loads(upstream.requests[number].partition(b"\r\n\r\n")[2])


def events(got: bytes) -> list[dict[str, Any]]:
    return [json.loads(each.removeprefix(b"data: ")) for each in got.split(b"\n\n") if each]


def test_request_is_asked_of_another_wire_with_all_that_it_says(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o")
    vendor.answers(answer(completion({"content": "Wet.", "tool_calls": [CALL]}, "tool_calls"), JSON))
    reply, got = ask(gateway, request(WHOLE, json.dumps(TALK).encode(), JSON, KEY))
    assert (reply.status, reply.getheader("x-ft-target")) == (200, "openai/gpt-4o")
    found = json.loads(got)
    (candidate,) = found["candidates"]
    assert candidate["content"] == {
        "role": "model",
        "parts": [{"text": "Wet."}, {"functionCall": {"id": "call_9", "name": "weather", "args": {"place": "Oslo"}}}],
    }
    assert (candidate["finishReason"], found["usageMetadata"]) == ("STOP", COUNTED)
    assert found["modelVersion"] == "gpt-4o"
    assert vendor.requests[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"g-vendor" not in vendor.requests[0]
    asked = sent(vendor)
    assert [each["role"] for each in asked["messages"]] == ["system", "user", "assistant", "tool"]
    assert asked["messages"][1]["content"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    assert "I look" not in json.dumps(asked)  # no model reads another one's thoughts
    call = asked["messages"][2]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"place": "Rome"}
    assert asked["messages"][3]["tool_call_id"] == call["id"]
    assert asked["tools"][0]["function"]["parameters"]["properties"] == {"place": {"type": "string"}}
    assert (asked["tool_choice"], asked["temperature"], asked["stop"]) == ("required", 0.5, ["END"])
    assert (asked["max_completion_tokens"], asked["model"]) == (20, "gpt-4o")
    assert asked["response_format"]["json_schema"]["schema"]["properties"] == {"sky": {"type": "string"}}


@pytest.mark.parametrize(("reason", "shown"), [("length", "MAX_TOKENS"), ("tool_calls", "MALFORMED_FUNCTION_CALL")])
def test_call_whose_arguments_are_no_object_is_left_out(
    gateway: Gateway, vendor: Upstream, reason: str, shown: str
) -> None:
    save(incumbent="openai/gpt-4o")
    cut = {**CALL, "id": "call_10", "function": {"name": "weather", "arguments": '{"place": "Os'}}
    vendor.answers(answer(completion({"content": None, "tool_calls": [CALL, cut]}, reason), JSON))
    (candidate,) = json.loads(ask(gateway, request(WHOLE, body(), JSON, KEY))[1])["candidates"]
    assert [each["functionCall"]["args"] for each in candidate["content"]["parts"]] == [{"place": "Oslo"}]
    assert candidate["finishReason"] == shown


def test_stream_has_texts_as_they_come_and_calls_whole(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o")
    pieces = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "We"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "t."}, "finish_reason": None}]},
        *(
            {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **each}]}, "finish_reason": None}]}
            for each in (
                {"id": "call_9", "type": "function", "function": {"name": "weather", "arguments": '{"pl'}},
                {"function": {"arguments": 'ace": "Oslo"}'}},
            )
        ),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": USAGE},
    ]
    lines = [f"data: {json.dumps({'model': 'gpt-4o', **each})}\n\n".encode() for each in pieces]
    vendor.answers(STREAM, *map(chunk, [*lines, b"data: [DONE]\n\n"]), chunk(b""))
    reply, got = ask(gateway, request(STREAMED, json.dumps(TALK).encode(), JSON, KEY))
    assert (reply.status, reply.getheader("content-type")) == (200, "text/event-stream; charset=utf-8")
    found = events(got)
    parts = [each["candidates"][0]["content"]["parts"] for each in found]
    call = {"functionCall": {"id": "call_9", "name": "weather", "args": {"place": "Oslo"}}}
    assert parts == [[{"text": "We"}], [{"text": "t."}], [call]]
    assert [each["candidates"][0].get("finishReason") for each in found] == [None, None, "STOP"]
    assert ["usageMetadata" in each for each in found] == [False, False, True]
    assert found[-1]["usageMetadata"] == COUNTED
    assert sent(vendor)["stream_options"] == {"include_usage": True}


def test_geminis_own_target_gets_the_bytes_under_its_model(
    gateway: Gateway, vendor: Upstream, second: Upstream
) -> None:
    save(incumbent="gemini/gemini-2.5-flash")
    native = {
        "candidates": [{"content": {"parts": [{"text": "Hello"}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
        "modelVersion": "gemini-2.5-flash",
    }
    vendor.answers(answer(json.dumps(native).encode(), JSON))
    raw = b'{ "contents":[{"parts": [{"text":"Hi"}]}], "cachedContent": "x", "n": 1.50 }'
    reply, got = ask(gateway, request(f"{WHOLE}?key=g-vendor&a=%20", raw, JSON))
    assert (reply.status, json.loads(got)) == (200, native)
    (seen,) = vendor.requests
    assert seen.startswith(b"POST /v1beta/models/gemini-2.5-flash:generateContent?key=g-vendor&a=%20 HTTP/1.1\r\n")
    assert seen.endswith(raw)
    ask(gateway, request("/gemini/v1beta/models/triage:countTokens", body(), JSON, KEY))
    assert vendor.requests[1].startswith(b"POST /v1beta/models/gemini-2.5-flash:countTokens HTTP/1.1\r\n")
    (call, count) = gateway.stored()
    assert (call["route"], call["model"], call["prompt_tokens"]) == ("triage", "gemini-2.5-flash", 3)
    assert count["route"] is None
    (example,) = DistillationDataCollector().find_examples()
    assert (example["prompt"], example["response"]) == ("Hi", "Hello")


def test_keys_wherever_they_are_go_to_no_other_upstream(gateway: Gateway, vendor: Upstream, second: Upstream) -> None:
    save(incumbent="second/gemini-x")
    second.answers(answer(b"{}", JSON))
    secrets = (b"Helicone-Auth: Bearer g-vendor", b"X-Amz-Security-Token: g-vendor")
    ask(gateway, request(f"{WHOLE}?key=g-vendor&alt=json&api-key=g-vendor", body(), JSON, *secrets))
    assert second.requests[0].startswith(b"POST /v1beta/models/gemini-x:generateContent?alt=json HTTP/1.1\r\n")
    assert b"g-vendor" not in second.requests[0]
    assert vendor.requests == []


def test_own_model_answers_an_application_of_gemini(workspace: Path) -> None:
    app, asked = FastAPI(openapi_url=None), []

    @app.post("/v1/chat/completions")
    async def chat(given: Request) -> JSONResponse:
        asked.append(await given.json())
        return JSONResponse(json.loads(completion({"content": "billing"})))

    with running(app) as gateway:
        save(incumbent="local/smollm2-135m-instruct")
        reply, got = ask(gateway, request(WHOLE, body(generationConfig={"maxOutputTokens": 4}), JSON, KEY))
        assert reply.status == 200
        assert json.loads(got)["candidates"][0]["content"]["parts"] == [{"text": "billing"}]
        assert (asked[0]["model"], asked[0]["messages"]) == (
            "smollm2-135m-instruct",
            [{"role": "user", "content": "Hi"}],
        )
        reply, got = ask(gateway, request("/gemini/v1beta/models/triage:countTokens", body(), JSON, KEY))
        assert (reply.status, "nothing of the kind" in json.loads(got)["error"]["message"]) == (400, True)
        (call,) = [each for each in gateway.stored() if each["route"] is not None]
    assert (call["target"], call["status"]) == ("local/smollm2-135m-instruct", 200)


def test_errors_have_geminis_shape(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o", fallback={"retries": 0})
    problem = {"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}
    vendor.answers(answer(json.dumps(problem).encode(), JSON, b"Retry-After: 3", status=b"429 Too Many Requests"))
    reply, got = ask(gateway, request(WHOLE, body(), JSON, KEY))
    assert (reply.status, reply.getheader("retry-after")) == (429, "3")
    assert json.loads(got) == {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        (STREAMED.partition("?")[0], {}, "?alt=sse"),
        (WHOLE, {"tools": [{"googleSearch": {}}]}, "googleSearch"),
        (WHOLE, {"cachedContent": "cachedContents/1"}, "cachedContent"),
        (WHOLE, {"generationConfig": {"topK": 40}}, "topK = 40"),
        (WHOLE, {"generationConfig": {"candidateCount": 2}}, "candidateCount = 2"),
        (WHOLE, {"generationConfig": {"thinkingConfig": {"thinkingBudget": 512}}}, "thinkingConfig.thinkingBudget"),
        (WHOLE, {"generationConfig": {"responseModalities": ["AUDIO"]}}, "responseModalities"),
        (WHOLE, {"contents": [*HI, {"role": "model", "parts": [{"text": "The"}]}]}, "must end with the user"),
        (WHOLE, {"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": "gs://a/b"}}]}]}, "gs://a/b"),
        (
            WHOLE,
            {"contents": [{"role": "user", "parts": [{"text": "x", "videoMetadata": {"fps": 1}}]}]},
            "videoMetadata",
        ),
    ],
)
def test_what_another_wire_cannot_say_is_refused_by_name(
    gateway: Gateway, vendor: Upstream, path: str, fields: dict[str, Any], words: str
) -> None:
    save(incumbent="openai/gpt-4o")
    reply, got = ask(gateway, request(path, body(**fields), JSON, KEY))
    found = json.loads(got)["error"]
    assert (reply.status, found["status"]) == (400, "INVALID_ARGUMENT")
    assert words in found["message"]
    assert vendor.requests == []
