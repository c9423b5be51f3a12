"""A teacher's host for the benchmark of labels: it answers after a while, and writes down what it was paid for.

python -m uvicorn labelling_host:app; HOST_MS is how long an answer takes, HOST_PAID the file of what was answered.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from starlette.types import Receive, Scope, Send

TAKES = float(os.environ.get("HOST_MS", "0")) / 1000
PAID = Path(os.environ["HOST_PAID"])
HEADERS = [(b"content-type", b"application/json")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a chat; it is paid when the answer is ready, whether or not somebody still waits for it."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    question = json.loads(body)["messages"][-1]["content"]
    await asyncio.sleep(TAKES)
    with PAID.open("a", encoding="utf-8") as out:
        out.write(f"{question}\n")
    reply = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "big-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "In Bonn."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24},
    }
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": json.dumps(reply).encode()})
