"""A server that speaks enough of OpenAI's wire to be asked by the real SDK, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

S = TypeVar("S")


@dataclass
class Request:
    """One request as it came in; `body` is parsed JSON, or bytes for anything else."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Host:
    """Answers by "METHOD /path" (without query), each a (status, JSON) or a function of the request giving one.

    A list of JSON values is sent as lines, as Ollama does.
    """

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer_to(self, route: str) -> Any:
        """The answer to "METHOD /path", else to a route of which it is the beginning, written with a * at the end."""
        starts = (answer for key, answer in self.answers.items() if key.endswith("*") and route.startswith(key[:-1]))
        nothing = (404, {"error": {"message": f"no route {route}"}})
        return self.answers.get(route) or next(starts, nothing)

    def asked(self, route: str) -> list[Request]:
        """The requests to "METHOD /path" so far."""
        return [request for request in self.requests if f"{request.method} {request.path}" == route]


def host() -> AbstractContextManager[Host]:
    """A host on the loopback interface for the length of a block."""
    return serving(_Handler, Host)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], make: Callable[[str], S]) -> Iterator[S]:
    """A server on the loopback interface; its handlers find what `make` makes of its address as `server.state`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state = make(f"http://127.0.0.1:{server.server_address[1]}/v1")
    server.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        state: Host = self.server.state  # type: ignore[attr-defined]
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_json = "json" in (self.headers.get("Content-Type") or "")
        path = self.path.partition("?")[0].removeprefix("/v1")
        request = Request(
            self.command,
            path,
            {k.lower(): v for k, v in self.headers.items()},
            json.loads(raw) if is_json and raw[:1] in {b"{", b"["} and "/blobs/" not in path else raw,
        )
        state.requests.append(request)
        answer = state.answer_to(f"{self.command} {path}")
        status, body = answer(request) if callable(answer) else answer
        is_stream = isinstance(request.body, dict) and request.body.get("stream") is True and "choices" in body
        lines = body if isinstance(body, list) else [body]
        payload = b"".join(_events(body)) if is_stream else "\n".join(map(json.dumps, lines)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream" if is_stream else "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _events(whole: dict[str, Any]) -> Iterator[bytes]:
    """A chat completion as a stream, with its usage at the end."""
    (choice,) = whole["choices"]
    head = {**whole, "object": "chat.completion.chunk", "usage": None}
    for delta, reason in ((choice["message"], None), ({}, choice["finish_reason"])):
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    yield _event({**head, "choices": [], "usage": whole["usage"]})
    yield b"data: [DONE]\n\n"


def _event(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def completion(text: str, model: str) -> dict[str, Any]:
    """A chat completion as OpenAI sends it."""
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


def file(**changes: Any) -> dict[str, Any]:
    """A file as OpenAI sends it."""
    known = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "d.jsonl"}
    return known | {"purpose": "fine-tune", "status": "processed"} | changes


def job(**changes: Any) -> dict[str, Any]:
    """A fine-tuning job as OpenAI sends it."""
    return {
        "id": "ftjob-abc123",
        "object": "fine_tuning.job",
        "model": "gpt-3.5-turbo",
        "created_at": 1_760_000_000,
        "finished_at": None,
        "fine_tuned_model": None,
        "organization_id": "org-1",
        "result_files": [],
        "status": "queued",
        "validation_file": None,
        "training_file": "file-1",
        "hyperparameters": {"n_epochs": 3},
        "trained_tokens": None,
        "error": None,
        "seed": 7,
        "metadata": None,
        **changes,
    }
