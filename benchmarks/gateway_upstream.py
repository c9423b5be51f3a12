"""An upstream for the benchmark of the gateway: it answers every chat after a while, or streams it.

python -m uvicorn gateway_upstream:app; UPSTREAM_MS is how long it thinks, in milliseconds: half to one and a half times
that, so that clients that begin together do not go on so. A header says how long it was. A call whose user is "idle" is
streamed without an end; of users `n1`, `n2`, ... GET /repeated counts the calls beyond the first.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time

from starlette.types import Receive, Scope, Send

IDLE_SECONDS = 3600.0
USER = re.compile(rb'"user": "(n\d+)"')
THINKS = float(os.environ.get("UPSTREAM_MS", "0")) / 1000
TEXT = "The parcel left our warehouse this morning and will reach you on Thursday."
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_795_000_000,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 60, "completion_tokens": 16, "total_tokens": 76},
}
THOUGHT = "x-thought-ms"
JSON = [(b"content-type", b"application/json")]
EVENTS = [(b"content-type", b"text/event-stream")]


def event(delta: dict[str, str], reason: str | None = None) -> bytes:
    """A chunk of a streamed chat."""
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    chunk = {**CHAT, "object": "chat.completion.chunk", "choices": choices, "usage": None}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


WHOLE = json.dumps(CHAT).encode()
SEEN: set[bytes] = set()
REPEATED: list[bytes] = []
STREAM = [*(event({"role": "assistant", "content": f"{word} "}) for word in TEXT.split()), event({}, "stop")]


def note(asked: bytes) -> None:
    """Note the user of a call, by whom its repetition is known."""
    if found := USER.search(asked):
        if found[1] in SEEN:
            REPEATED.append(found[1])
        SEEN.add(found[1])


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a chat."""
    if scope["type"] != "http":
        return
    asked, more = b"", True
    while more:
        message = await receive()
        asked, more = asked + message.get("body", b""), message.get("more_body", False)
    if scope["method"] == "GET":
        await send({"type": "http.response.start", "status": 200, "headers": JSON})
        await send({"type": "http.response.body", "body": json.dumps(len(REPEATED)).encode()})
        return
    if b'"user": "idle"' in asked:
        await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
        await send({"type": "http.response.body", "body": STREAM[0], "more_body": True})
        await asyncio.sleep(IDLE_SECONDS)
    note(asked)
    started = time.perf_counter()
    await asyncio.sleep(THINKS * random.uniform(0.5, 1.5))
    thought = (THOUGHT.encode(), f"{(time.perf_counter() - started) * 1000:.3f}".encode())
    is_stream = b'"stream": true' in asked
    await send({"type": "http.response.start", "status": 200, "headers": [thought, *(EVENTS if is_stream else JSON)]})
    for piece in STREAM if is_stream else []:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n" if is_stream else WHOLE})
