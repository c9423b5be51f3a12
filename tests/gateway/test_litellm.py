"""Vendors with wires of their own behind routes, asked through LiteLLM's SDK: here a host that speaks Ollama's."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from fastapi import FastAPI

from fine_tuning.costs.prices import PriceList
from fine_tuning.errors import ConfigurationError, MissingDependencyError, UsageError
from fine_tuning.gateway import litellm_process
from fine_tuning.gateway.upstreams import read_upstreams
from fine_tuning.settings import Settings
from tests.conftest import PROJECT
from tests.gateway.conftest import Gateway, running
from tests.gateway.test_routes import save
from tests.waiting import wait_until

PYTHON = PROJECT / ".clients" / "openai_3" / "bin" / "python"
QUESTION = {"messages": [{"role": "user", "content": "Where is my parcel?"}]}
SCHEMA = {"type": "object", "properties": {"order": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "find", "description": "Find an order.", "parameters": SCHEMA}}
KEY = "vendor-key-1234567890"
pytestmark = pytest.mark.xdist_group("litellm")  # one process for all


class Ollama(BaseHTTPRequestHandler):
    """The chat of Ollama's API: https://github.com/ollama/ollama/blob/main/docs/api.md.

    Attributes:
        status: of its answers.
        may_end: set when a stream may go on behind its first word.
        left: set when a client has gone before the end of a stream.
    """

    protocol_version = "HTTP/1.1"
    asked: list[dict[str, Any]]
    status = 200
    may_end, left = threading.Event(), threading.Event()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
        if self.path == "/api/show":
            self._send(json.dumps({"template": "{{ .Tools }}", "capabilities": ["tools"]}))
        elif type(self).status != 200:
            self._send(json.dumps({"error": f"the model is asleep, {KEY}"}), type(self).status)
        elif body.get("stream"):
            self._stream(body)
        else:
            self._send(json.dumps(self._whole(body)))

    def _whole(self, body: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "On its way."}
        if body.get("tools"):
            call = {"function": {"name": "find", "arguments": {"order": 5}}}
            message = {"role": "assistant", "content": "", "tool_calls": [call]}
        return {**self._line(body), "message": message, **self._end()}

    def _line(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"model": body["model"], "created_at": "2026-11-30T00:00:00Z"}

    def _end(self) -> dict[str, Any]:
        return {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3}

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        self._word(body, "On ")
        while not self.may_end.wait(0.05):
            self.connection.setblocking(False)
            try:
                if self.connection.recv(1) == b"":
                    self.left.set()
                    return
            except BlockingIOError:
                self.connection.setblocking(True)
        for word in ("its ", "way."):
            self._word(body, word)
        self._word(body, "", **self._end())

    def _word(self, body: dict[str, Any], word: str, **more: Any) -> None:
        line = {**self._line(body), "message": {"role": "assistant", "content": word}, "done": False, **more}
        self.wfile.write(json.dumps(line).encode() + b"\n")
        self.wfile.flush()

    def _send(self, text: str, status: int = 200) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def gateway(home: Path) -> Iterator[Gateway]:
    """One for the module: the SDK takes seconds to import."""
    if not PYTHON.exists():
        pytest.skip("`make clients` installs LiteLLM")
    Ollama.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ollama)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OLLAMA_API_BASE", f"http://127.0.0.1:{server.server_port}")
        patch.setenv("FINE_TUNING_HOME", str(home))
        patch.setenv("FINE_TUNING_UPSTREAMS", '{"elsewhere": "litellm://ollama_chat"}')
        patch.setenv("FINE_TUNING_LITELLM_PYTHON", str(PYTHON))
        save(incumbent="elsewhere/llama3")
        with running(FastAPI(openapi_url=None)) as found:
            yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def vendor(gateway: Gateway) -> Iterator[type[Ollama]]:
    Ollama.asked.clear()
    Ollama.may_end.set()
    Ollama.left.clear()
    yield Ollama
    Ollama.status = 200
    Ollama.may_end.set()


def ask(gateway: Gateway, path: str = "/v1/chat/completions", **more: Any) -> httpx2.Response:
    body = {"model": "triage", **QUESTION, **more}
    return httpx2.post(f"{gateway.address}{path}", json=body, headers={"x-ft-key-elsewhere": KEY}, timeout=60)


def test_each_wire_is_answered(gateway: Gateway, vendor: type[Ollama]) -> None:
    chat = ask(gateway, temperature=0)
    assert chat.status_code == 200, chat.text
    assert chat.json()["choices"][0]["message"]["content"] == "On its way."
    assert (chat.json()["model"], chat.json()["usage"]["total_tokens"]) == ("llama3", 10)
    assert chat.headers["x-ft-target"] == "elsewhere/llama3"
    message = ask(gateway, "/v1/messages", max_tokens=50)
    assert message.json()["content"][0]["text"] == "On its way."
    answer = httpx2.post(f"{gateway.address}/v1/responses", json={"model": "triage", "input": "Where?"}, timeout=60)
    assert answer.json()["output"][0]["content"][0]["text"] == "On its way."
    asked = [each for each in vendor.asked if each["path"] == "/api/chat"]
    assert [(each["model"], each["key"]) for each in asked] == [("llama3", f"Bearer {KEY}")] * 2 + [("llama3", None)]
    assert asked[0]["options"]["temperature"] == 0
    assert asked[1]["options"]["num_predict"] == 50


def test_tools_are_called(gateway: Gateway, vendor: type[Ollama]) -> None:
    called = ask(gateway, tools=[TOOL])
    (call,) = called.json()["choices"][0]["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("find", {"order": 5})
    assert called.json()["choices"][0]["finish_reason"] == "tool_calls"


def test_stream_comes_as_it_is_written(gateway: Gateway, vendor: type[Ollama]) -> None:
    vendor.may_end.clear()
    body, said, last = {"model": "triage", **QUESTION, "stream": True}, "", ""
    with httpx2.stream("POST", f"{gateway.address}/v1/chat/completions", json=body, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                for choice in json.loads(line.removeprefix("data: "))["choices"]:
                    said += choice["delta"].get("content") or ""
            if said == "On ":
                vendor.may_end.set()  # no more would come before
            last = line or last
    assert (said, last) == ("On its way.", "data: [DONE]")


def test_client_that_leaves_ends_the_call(gateway: Gateway, vendor: type[Ollama]) -> None:
    vendor.may_end.clear()
    body = {"model": "triage", **QUESTION, "stream": True}
    with httpx2.stream("POST", f"{gateway.address}/v1/chat/completions", json=body, timeout=60) as answer:
        next(answer.iter_raw())
    assert vendor.left.wait(5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("api_base", "http://127.0.0.1:9"), ("mock_response", "forged"), ("fallbacks", ["x"])),
        *(("extra_headers", {"a": "b"}), ("metadata", {"api_base": "http://127.0.0.1:9"}), ("callbacks", ["x"])),
    ],
)
def test_fields_of_the_sdk_are_none_of_a_clients(
    gateway: Gateway, vendor: type[Ollama], field: str, value: object
) -> None:
    answer = ask(gateway, **{field: value})
    if field == "metadata":  # of OpenAI's, too, and of no meaning for the answer
        assert "127.0.0.1:9" not in json.dumps(vendor.asked)
        return
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "not_translatable")
    assert not vendor.asked


@pytest.mark.parametrize("image", [{"url": "http://127.0.0.1:1/private.png"}, "http://127.0.0.1:1/private.png"])
def test_image_by_its_address_is_refused(gateway: Gateway, vendor: type[Ollama], image: object) -> None:
    refused = ask(gateway, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": image}]}])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "not_translatable")
    assert not vendor.asked


def test_key_is_no_reference_to_a_secret_of_the_server(gateway: Gateway, vendor: type[Ollama]) -> None:
    key = {"x-ft-key-elsewhere": "os.environ/PATH"}
    refused = httpx2.post(f"{gateway.address}/v1/chat/completions", json={"model": "triage", **QUESTION}, headers=key)
    assert refused.status_code == 400
    assert os.environ["PATH"] not in refused.text + json.dumps(vendor.asked)


def test_errors_of_the_vendor_are_told_in_the_clients_wire(gateway: Gateway, vendor: type[Ollama], home: Path) -> None:
    vendor.status = 503
    failed = ask(gateway, "/v1/messages", max_tokens=5)
    assert failed.status_code == 503, failed.text
    assert failed.json()["type"] == "error"
    assert "the model is asleep, ***" in failed.json()["error"]["message"]
    vendor.status = 401
    assert ask(gateway).status_code == 401
    assert KEY not in "".join(path.read_text("utf-8", "replace") for path in (home / "logs").iterdir())


def test_process_that_was_killed_is_started_again(gateway: Gateway, vendor: type[Ollama]) -> None:
    assert ask(gateway).status_code == 200
    found = children()
    assert len(found) == 1
    for process in found:
        os.kill(process, 9)
    assert ask(gateway).status_code == 200
    assert children().isdisjoint(found)


def test_gateway_ends_while_a_call_is_under_way(gateway: Gateway, vendor: type[Ollama]) -> None:
    """The last test of the module, as it stops the gateway."""
    vendor.may_end.clear()
    body = {"model": "triage", **QUESTION, "stream": True}
    with httpx2.stream("POST", f"{gateway.address}/v1/chat/completions", json=body, timeout=60) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        began = time.monotonic()
        gateway.stop()
        del pieces
    assert time.monotonic() - began < 5
    wait_until(lambda: not children())


def children() -> set[int]:
    """The processes of LiteLLM that this one has started."""
    found = psutil.Process().children()
    return {each.pid for each in found if any(part.endswith("litellm_host.py") for part in each.cmdline())}


def test_upstream_names_a_vendor_and_is_reached_by_routes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_upstreams({"a": "litellm://bedrock"})["a"].vendor == "bedrock"
    for wrong in ("litellm://", "litellm://Bedrock", "litellm://a/b", "litellm+bedrock"):
        with pytest.raises(ConfigurationError, match="is no address"):
            read_upstreams({"a": wrong})
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", '{"elsewhere": "litellm://ollama_chat"}')
    before = children()
    with running(FastAPI(openapi_url=None)) as found:
        path = f"{found.address}/elsewhere/v1/chat/completions"
        assert httpx2.post(path, json={"model": "llama3", **QUESTION}).status_code == 404
        assert children() == before


@pytest.mark.parametrize("model", ["https://host/v1", "a//b", "../b", "a b", "a?b"])
def test_model_that_is_an_address_is_no_target(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", '{"elsewhere": "litellm://huggingface"}')
    with pytest.raises(UsageError, match="no name of a model of huggingface"):
        save(incumbent=f"elsewhere/{model}")
    save(incumbent="elsewhere/arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-v1:0")


def test_vendors_prices_are_those_of_its_provider() -> None:
    model = "anthropic.claude-3-haiku-20240307-v1:0"
    assert PriceList({}).call_price(model, 1_000_000, 0, "litellm://bedrock") == pytest.approx(0.25)
    assert PriceList({}).call_price("llama3", 1, 1, "litellm://ollama_chat") is None


def test_python_without_litellm_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match=r"needs litellm: pip install litellm"):
        litellm_process.check_installed(Settings(litellm_python=Path(sys.executable)))
    with pytest.raises(UsageError, match="cannot be run: No such file"):
        litellm_process.check_installed(Settings(litellm_python=tmp_path / "python"))
    with pytest.raises(UsageError, match="is no Python"):
        litellm_process.check_installed(Settings(litellm_python=Path("/bin/true")))
