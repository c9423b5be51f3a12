"""Responses of status 200 that are no answers: hosts fail after they said that all is well, proxies answer for them."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from fine_tuning.gateway.broken_answers import is_broken_body
from tests.gateway.conftest import Gateway
from tests.gateway.scripted_upstream import Upstream, answer
from tests.gateway.test_pass_through import ask, request
from tests.gateway.test_recording import CHAT, CHAT_PATH, JSON
from tests.gateway.test_route_calls import CHATS, WHOLE, body
from tests.gateway.test_routes import save

RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
WHOLE_CHAT = json.dumps(CHAT).encode()
USAGE = {"input_tokens": 1, "output_tokens": 1}
MESSAGE = {"type": "message", "role": "assistant", "content": [], "stop_reason": "max_tokens", "usage": USAGE}
GEMINI, STREAMED = (
    "/v1beta/models/gemini-2.5-pro:generateContent",
    "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
)
BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}}
RESPONSE = {"object": "response", "status": "completed", "error": None, "output": []}


def chunk_of(text: str, reason: str | None = None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]
    return {"object": "chat.completion.chunk", "choices": choices}


def part_of(text: str, **facts: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, **facts}]}


def sent(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


ERROR = {"error": {"message": "the engine died", "type": "server_error"}}
BROKEN_STREAM = sent(chunk_of("On"), ERROR)


@pytest.mark.parametrize(
    ("path", "raw", "encoding"),
    [
        (CHAT_PATH, b"", ""),
        (CHAT_PATH, b"<html>Bad gateway</html>", ""),
        (CHAT_PATH, WHOLE_CHAT[:-9], ""),
        (CHAT_PATH, json.dumps(ERROR).encode(), ""),
        (CHAT_PATH, BROKEN_STREAM, ""),
        (CHAT_PATH, sent(ERROR), ""),
        (CHAT_PATH, sent(chunk_of("On"), chunk_of(" its")), ""),
        (CHAT_PATH, b"not gzip", "gzip"),
        (CHAT_PATH, zlib.compress(b"<html>", wbits=-15), "deflate"),
        (RESPONSES, json.dumps({**RESPONSE, "status": "failed", **ERROR}).encode(), ""),
        (RESPONSES, sent({"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}}), ""),
        (MESSAGES, json.dumps({"type": "error", **ERROR}).encode(), ""),
        (MESSAGES, sent({"type": "message_start", "message": {**MESSAGE, "stop_reason": None}}), ""),
        (GEMINI, b"<html>Bad gateway</html>", ""),
        (GEMINI, json.dumps(ERROR).encode(), ""),
        (STREAMED, sent(part_of("On"), part_of(" its")), ""),
        (STREAMED, sent(part_of("On"), ERROR), ""),
        (STREAMED, json.dumps([part_of("On"), part_of(" its")]).encode(), ""),
        (STREAMED, json.dumps([part_of("On", finishReason="STOP")]).encode()[:-1], ""),
        (STREAMED, json.dumps([ERROR]).encode(), ""),
    ],
)
def test_response_without_an_answer_is_broken(path: str, raw: bytes, encoding: str) -> None:
    assert is_broken_body(path, raw, encoding)


@pytest.mark.parametrize(
    ("path", "raw", "encoding"),
    [
        (CHAT_PATH, WHOLE_CHAT, ""),
        (CHAT_PATH, gzip.compress(WHOLE_CHAT, mtime=0), "gzip"),
        (CHAT_PATH, WHOLE_CHAT, "a-new-one"),
        (CHAT_PATH, sent(chunk_of("On"), chunk_of("", "length")), ""),
        (RESPONSES, json.dumps(RESPONSE).encode(), ""),
        (RESPONSES, json.dumps({**RESPONSE, "status": "queued"}).encode(), ""),
        (RESPONSES, sent({"type": "response.completed", "response": RESPONSE}), ""),
        (MESSAGES, json.dumps(MESSAGE).encode(), ""),
        (GEMINI, json.dumps(part_of("On its way.", finishReason="MAX_TOKENS")).encode(), ""),
        (GEMINI, json.dumps(BLOCKED).encode(), ""),
        (STREAMED, sent(BLOCKED), ""),
        (STREAMED, sent(part_of("On"), part_of(" its", finishReason="STOP")), ""),
        (STREAMED, json.dumps([part_of("On"), part_of(" its", finishReason="STOP")]).encode(), ""),
        ("/v1beta/models/gemini-embedding-001:embedContent", b"{}", ""),
        ("/v1/audio/speech", b"\xff\xfb", ""),
        ("/v1/embeddings", b"", "gzip"),
    ],
)
def test_other_responses_are_not(path: str, raw: bytes, encoding: str) -> None:
    assert not is_broken_body(path, raw, encoding)


def test_broken_answer_is_not_kept_in_the_cache(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o", cache={"seconds": 600})
    for broken in (BROKEN_STREAM, b"<html>" + b"x" * (100 << 10)):
        vendor.answers(answer(broken))
        assert ask(gateway, request(CHATS, body(), JSON))[1] == broken
    vendor.answers(WHOLE)
    answers = [ask(gateway, request(CHATS, body(), JSON))[1] for _ in range(2)]
    assert (answers, len(vendor.requests)) == ([WHOLE_CHAT] * 2, 3)
    assert [call["is_whole"] for call in gateway.stored()] == [False, False, True, True]
