"""Asks llama.cpp itself how it cuts a text, through the server inside xllamacpp."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path


def llama_cpp_tokens(gguf: Path, texts: list[str]) -> list[list[int]]:
    """The token ids of each text, special tokens recognised and none added."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.verbosity = str(gguf), 256, -1
    server = xllamacpp.Server(params)
    return [_ask(server.listening_address, text) for text in texts]


def _ask(address: str, text: str) -> list[int]:
    body = json.dumps({"content": text, "add_special": False, "parse_special": True}).encode()
    request = urllib.request.Request(f"{address}/tokenize", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["tokens"]
