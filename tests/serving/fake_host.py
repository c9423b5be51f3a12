"""A host that speaks OpenAI's chat API on the loopback address, answers as told to, and remembers the requests."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


class FakeHost(ThreadingHTTPServer):
    """Echoes the last message, or fails with `status` and `error`; a body of None is an answer that is not JSON.

    A stream has the deltas in `pieces` where there are any; one with the key `error` is a failure on the way. Between
    its events are `pause` seconds.
    """

    daemon_threads = True

    def __init__(self, status: int = 200, error: str = "no", usage: bool | dict[str, Any] = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.error = status, error
        self.usage: dict[str, Any] = usage if isinstance(usage, dict) else USAGE if usage else {}
        self.pieces: list[dict[str, Any]] = []
        self.pause = 0.0
        self.requests: list[Request] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHost

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        if self.server.status != 200:
            self.answer(self.server.status, [json.dumps({"error": {"message": self.server.error}})], "application/json")
        elif body.get("stream"):
            self.answer(200, [f"data: {event}\n\n" for event in self.events(body)], "text/event-stream")
        else:
            self.answer(200, [json.dumps(self.completion(body))], "application/json")

    def completion(self, body: dict[str, Any]) -> dict[str, Any]:
        message = {"role": "assistant", "content": f"echo {body['messages'][-1]['content']}"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"], "choices": choices}
        if self.server.usage:
            reply["usage"] = self.server.usage
        return reply

    def events(self, body: dict[str, Any]) -> list[str]:
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        pieces: list[dict[str, Any]] = [{"role": "assistant"}, {"content": "echo "}]
        pieces += [{"content": body["messages"][-1]["content"]}, {}]
        chunks = [
            piece if "error" in piece else {**chunk, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]}
            for piece in self.server.pieces or pieces
        ]
        last: dict[str, Any] = {**chunk, "choices": []}
        if self.server.usage and body.get("stream_options", {}).get("include_usage"):
            last["usage"] = self.server.usage
        return [json.dumps(each) for each in [*chunks, last]] + ["[DONE]"]

    def answer(self, status: int, pieces: list[str], kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(sum(len(piece.encode()) for piece in pieces)))
        self.end_headers()
        with suppress(ConnectionError):  # whoever asked has left
            for piece in pieces:
                self.wfile.write(piece.encode())
                time.sleep(self.server.pause)

    def log_message(self, format: str, *args: object) -> None:
        pass
