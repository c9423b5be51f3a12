"""The hub's own client against a hub on the loopback address; each call runs in a process of its own, as the client
reads its address from the environment once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "someone/tiny"


class Hub(ThreadingHTTPServer):
    """Serves one folder as the model `someone/tiny` and remembers what was asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.folder = folder
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class HubRequest(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def do_GET(self, body: bool = True) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append(path)
        if path.startswith(f"/{NAME}/resolve/{COMMIT}/"):
            file = self.server.folder / path.rsplit("/", 1)[1]
            return self.answer(file.read_bytes(), body, {"ETag": f'"{name_of(file)}"', "X-Repo-Commit": COMMIT})
        files = [file for file in self.server.folder.iterdir() if file.is_file()]
        if path.startswith(f"/api/models/{NAME}/tree/"):
            listed = [{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": name_of(f)} for f in files]
            return self.answer(json.dumps(listed).encode(), body)
        if path.startswith(f"/api/models/{NAME}"):
            siblings = [{"rfilename": file.name} for file in files]
            return self.answer(json.dumps({"id": NAME, "sha": COMMIT, "siblings": siblings}).encode(), body)
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def answer(self, content: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def name_of(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


@pytest.fixture
def hub(tiny_model_dir: Path) -> Iterator[Hub]:
    with Hub(tiny_model_dir) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def resolve_in_a_process(name: str, address: str, home: Path) -> str:
    """What `resolve(name)` answers, or the class and text of its error, with the hub at `address`."""
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from fine_tuning.base_models.catalogue import resolve\nfrom fine_tuning.errors import FineTuningError\n"
        "try: print(resolve(sys.argv[1], Path('models')))\n"
        "except FineTuningError as error: print(type(error).__name__, error)\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", code, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=home)
    return done.stdout.strip()


def test_from_hub_fetches_data_once_and_no_code(hub: Hub, tmp_path: Path) -> None:
    (hub.folder / "pytorch_model.bin").write_bytes(b"pickle")
    (hub.folder / "modeling_evil.py").write_text("raise SystemExit")
    try:
        first = resolve_in_a_process(NAME, hub.url, tmp_path)
    finally:
        (hub.folder / "pytorch_model.bin").unlink()
        (hub.folder / "modeling_evil.py").unlink()
    assert "parameters=112448, source='hub'" in first
    fetched = {path.rsplit("/", 1)[1] for path in hub.asked if "/resolve/" in path}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= fetched
    assert not fetched & {"pytorch_model.bin", "modeling_evil.py"}
    hub.asked.clear()
    assert resolve_in_a_process(NAME, hub.url, tmp_path) == first
    assert hub.asked == []


def test_from_hub_of_unknown_model_is_refused(hub: Hub, tmp_path: Path) -> None:
    said = resolve_in_a_process("someone/else", hub.url, tmp_path)
    assert said.startswith("ProviderError the Hugging Face hub has no public model someone/else")


def test_from_hub_offline_names_alternatives(tmp_path: Path) -> None:
    said = resolve_in_a_process(NAME, "http://127.0.0.1:9", tmp_path)
    assert said == (
        "ProviderError cannot reach the Hugging Face hub for someone/tiny; use the embedded model "
        "smollm2-135m-instruct or the path of a local model folder"
    )
