"""A vendor's API on this machine that answers with recorded calls, so that the demo of the gateway needs no key."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fine_tuning._util.encodings import encoding_of


@dataclass(frozen=True)
class Vendor:
    """OpenAI's chat completions at an address."""

    address: str
    server: ThreadingHTTPServer

    def switch_off(self) -> None:
        """Refuse connections from now on."""
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def recorded_vendor(model: str, answers: Mapping[str, str]) -> Iterator[Vendor]:
    """Serve a model while the block runs.

    Args:
        model: a name of OpenAI's, by whose tokens the usage is counted.
        answers: by the text of the last message; another one gets a 404.
    """
    encoding = encoding_of(model)

    def tokens(*texts: str) -> int:
        return sum(len(encoding.encode(text)) for text in texts) if encoding else 0

    def completion(messages: Sequence[Mapping[str, str]]) -> tuple[int, object]:
        answer = answers.get(messages[-1]["content"])
        if answer is None:
            return 404, {"error": {"message": "no such question is recorded", "type": "not_found_error"}}
        prompt_tokens, completion_tokens = tokens(*(each["content"] for each in messages)), tokens(answer)
        return 200, {
            "id": f"chatcmpl-{time.time_ns():x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for an answer

        def do_POST(self) -> None:
            request: Any = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, value = completion(request["messages"])
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is logged: the terminal is the demo's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vendor = Vendor(f"http://127.0.0.1:{server.server_port}", server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield vendor
    finally:
        vendor.switch_off()
