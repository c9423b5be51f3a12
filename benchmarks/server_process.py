"""A server of its own process for the benchmarks, and a client that costs next to nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, RemoteDisconnected
from typing import Any, NamedTuple

import report


class Served(NamedTuple):
    """A running server."""

    host: str
    port: int
    process_id: int


@contextmanager
def serving(home: str, *options: str) -> Iterator[Served]:
    """`ft-cli serve` over a workspace, while the block runs."""
    command = [*report.FT_CLI, "serve", "--port", "0", *options]
    environment = {**os.environ, "FINE_TUNING_HOME": home}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r"http://([\d.]+):(\d+)/v1", said)) is None:
            if not (line := process.stderr.readline()):
                raise SystemExit(said)
            said += line
        threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would hold up the server
        try:
            yield Served(found[1], int(found[2]), process.pid)
        finally:
            process.terminate()


_JSON = {"Content-Type": "application/json"}


def _has_answer(line: bytes) -> bool:
    """Whether a line of a stream has text, or a part of a call."""
    if not line.startswith(b"data: {"):
        return False
    deltas = [choice["delta"] for choice in json.loads(line.removeprefix(b"data: "))["choices"]]
    return any(delta.get("content") or delta.get("tool_calls") for delta in deltas)


class Client:
    """One kept connection. The SDK's own work would share the cores with the server that is measured."""

    def __init__(self, served: Served) -> None:
        self._connection = HTTPConnection(served.host, served.port)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send JSON and read JSON.

        Raises:
            RuntimeError: the server answered with an error.
        """
        return self._ask("POST", path, json.dumps(body))

    def get(self, path: str) -> dict[str, Any]:
        """Read JSON."""
        return self._ask("GET", path, None)

    def stream(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Send JSON and read all events of the stream."""
        told = self._raw("POST", path, json.dumps({**body, "stream": True}))
        lines = (line.removeprefix("data: ") for line in told.decode().splitlines() if line.startswith("data: "))
        return [json.loads(line) for line in lines if line != "[DONE]"]

    def first_token_ms(self, path: str, body: dict[str, Any]) -> float:
        """Milliseconds until a streamed chat completion shows its first text or call; the rest is read as well.

        Raises:
            RuntimeError: the server answered with an error, or with nothing.
        """
        started = time.perf_counter()
        self._connection.request("POST", f"/v1{path}", json.dumps({**body, "stream": True}), _JSON)
        response = self._connection.getresponse()
        found = None
        while line := response.readline():
            if found is None and _has_answer(line):
                found = (time.perf_counter() - started) * 1000
        if response.status != 200 or found is None:
            raise RuntimeError(f"{path}: status {response.status}, and no text or call")
        return found

    def _ask(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._raw(method, path, body))
        return told

    def _raw(self, method: str, path: str, body: str | None) -> bytes:
        try:
            self._connection.request(method, f"/v1{path}", body, _JSON)
            response = self._connection.getresponse()
        except (BrokenPipeError, RemoteDisconnected):  # the server closes a connection that rests for some seconds
            self._connection.close()
            self._connection.request(method, f"/v1{path}", body, _JSON)
            response = self._connection.getresponse()
        told = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {told.decode()}")
        return told

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
