"""Stands in for the program `vllm`: the endpoints that its documentation names, and nothing else is answered.

Its first line on the file FAKE_VLLM_TOLD is the command line; every request follows as a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

TOLD = Path(os.environ["FAKE_VLLM_TOLD"])
OPTIONS = dict(zip(sys.argv[3::1], sys.argv[4::1], strict=False))


def tell(fact: object) -> None:
    with TOLD.open("a") as stream:
        stream.write(json.dumps(fact) + "\n")


class Handler(BaseHTTPRequestHandler):
    models: ClassVar = [OPTIONS["--served-model-name"]]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/health" else 404, b"", "text/plain")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        tell([self.path, body])
        if self.headers["Authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            self.answer(401, b'{"error": "Unauthorized"}')
        elif self.path == "/v1/load_lora_adapter":
            self.load(body)
        elif self.path == "/v1/chat/completions" and body["model"] in self.models:
            self.answer(200, json.dumps(completion(body)).encode())
        else:
            self.answer(404, b'{"error": {"message": "unknown"}}')

    def load(self, body: dict[str, str]) -> None:
        rank = json.loads((Path(body["lora_path"]) / "adapter_config.json").read_text())["r"]
        if rank > int(OPTIONS["--max-lora-rank"]):
            message = f"LoRA rank {rank} is greater than max_lora_rank {OPTIONS['--max-lora-rank']}."
            self.answer(400, json.dumps({"error": {"message": message}}).encode())
            return
        self.models.append(body["lora_name"])
        self.answer(200, f"Success: LoRA adapter '{body['lora_name']}' added successfully.".encode(), "text/plain")

    def answer(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def completion(body: dict[str, object]) -> dict[str, object]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"from {body['model']}"}}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


if __name__ == "__main__":
    tell([sys.argv[1:], {name: os.environ.get(name) for name in ("VLLM_ALLOW_RUNTIME_LORA_UPDATING",)}])
    if "--fail" in sys.argv:
        sys.exit("no GPU has room")
    ThreadingHTTPServer((OPTIONS["--host"], int(OPTIONS["--port"])), Handler).serve_forever()
