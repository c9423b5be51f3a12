"""Gemini's API as its reference describes it: answers, streams, calls of functions, JSON by a schema, errors.

Sources: https://ai.google.dev/api/generate-content, https://ai.google.dev/api/tokens
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests import wire

MODEL, TEXT, SAID = "gemini-3-flash", "The capital is Paris.", {"name": "Paris", "people": 2_100_000}
USAGE = {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14}


@contextmanager
def gemini_upstream() -> Iterator[str]:
    """The address of the API while the block runs."""
    with wire.serving(_Handler, lambda address: address.removesuffix("/v1")) as address:
        yield address


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request: Any = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model, _, method = self.path.partition("?")[0].rpartition("/models/")[2].partition(":")
        if self.headers["x-goog-api-key"] != "of-gemini":
            message = "API key not valid. Please pass a valid API key."
            self._send(400, {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}})
        elif model != MODEL:
            message = f"models/{model} is not found for API version v1beta"
            self._send(404, {"error": {"code": 404, "message": message, "status": "NOT_FOUND"}})
        elif method == "countTokens":
            self._send(200, {"totalTokens": 9})
        elif method == "streamGenerateContent":
            self._stream([*_parts(request)])
        else:
            self._send(200, _response([*_parts(request)], "STOP"))

    def _send(self, status: int, value: object) -> None:
        body = json.dumps(value, indent=2).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, parts: list[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, part in enumerate(parts):
            event = _response([part], "STOP" if number == len(parts) - 1 else None)
            self._chunk(f"data: {json.dumps(event)}\r\n\r\n".encode())
        self._chunk(b"")

    def _chunk(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def _parts(request: Any) -> Iterator[dict[str, Any]]:
    """What is answered: calls of a function where there are any and no result yet, JSON by a schema, or a text."""
    last = request["contents"][-1]["parts"][-1]
    if request.get("tools") and "functionResponse" not in last:
        for place in ("Paris", "Rome"):
            yield {"functionCall": {"id": f"call_{place}", "name": "weather", "args": {"place": place}}}
    elif request.get("generationConfig", {}).get("responseMimeType") == "application/json":
        yield {"text": json.dumps(SAID)}
    else:
        yield from ({"text": f"{word} "} for word in TEXT.split()[:-1])
        yield {"text": TEXT.split()[-1]}


def _response(parts: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": MODEL, "responseId": "r1"}
