"""Odd requests to a server in a process of its own, while another thread measures its health check.

`python -m scripts.fuzz_requests` sends 20,000 of them, the same for the same seed, and prints those that were answered
with a traceback, a path, a 5xx other than 503 and 507, or not at all; `--minutes 8` stops then. tests/security sends
some of them each time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import numpy as np
from scripts.odd_requests import Fuzzer, Request
from tests.tiny_model import make_tiny_model

PATIENCE = 60.0  # seconds of one request
UNFINISHED_SECONDS = 0.3  # of one that the server cannot know the end of
ROUND = 250  # requests between two looks at the ids that there are
SENDERS = 4
ALLOWED = {503, 507}
PAUSE = 0.01  # between two health checks


class Answer(NamedTuple):
    """How a request was answered; the status is None if it was not."""

    request: bytes
    status: int | None
    problem: str | None
    seconds: float


def prepare(address: str) -> list[str]:
    """Ids of something of each kind, and names; part of them will have been deleted by the next round."""
    with httpx.Client(base_url=f"{address}/v1", timeout=PATIENCE) as client:

        def made(path: str, **body: Any) -> str:
            return str(client.post(path, **body).json().get("id", "none"))

        rows = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n' * 12
        chat = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "store": True}
        file = made("/files", files={"file": ("a.jsonl", rows)}, data={"purpose": "fine-tune"})
        upload = {"filename": "a", "purpose": "batch", "bytes": 10, "mime_type": "text/plain"}
        batch = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"tiny"}}\n'
        lines = made("/files", files={"file": ("b.jsonl", batch)}, data={"purpose": "batch"})
        asked = {"input_file_id": lines, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        return [
            *("tiny", "none", file, lines, made("/uploads", json=upload), made("/batches", json=asked)),
            made("/fine_tuning/jobs", json={"model": "tiny", "training_file": file}),
            made("/chat/completions", json=chat),
            made("/responses", json={"model": "tiny", "input": "Hi", "max_output_tokens": 16}),
            made("/conversations", json={"items": [{"type": "message", "role": "user", "content": "Hi"}]}),
        ]


def sent(address: str, request: Request, secrets: Sequence[str]) -> Answer:
    """Send the bytes of a request, and no more, and read what comes; one without an end is broken off."""
    at, began, received = urlsplit(address), time.monotonic(), b""
    patience = PATIENCE if request.is_whole else UNFINISHED_SECONDS
    is_late = False
    with contextlib.suppress(ConnectionError), socket.create_connection((at.hostname, at.port), patience) as connection:
        try:
            connection.sendall(request.content)
            while piece := connection.recv(1 << 16):
                received += piece
        except TimeoutError:
            is_late = request.is_whole
    found = re.match(rb"HTTP/1\.[01] (\d{3})", received)
    status = int(found[1]) if found else None
    problem = _problem(status, received, secrets)
    if is_late or (request.is_whole and status is None):
        problem = problem or f"no answer, {'after' if is_late else 'within'} {PATIENCE:.0f} s"
    return Answer(request.content, status, problem, time.monotonic() - began)


def _problem(status: int | None, received: bytes, secrets: Sequence[str]) -> str | None:
    if status is not None and status >= 500 and status not in ALLOWED:
        _, _, body = received.partition(b"\r\n\r\n")
        return f"status {status}: {body[:200]!r}"
    text = received.decode("utf-8", "replace")
    told = [each for each in ("Traceback (", "site-packages", *secrets) if each in text]
    return f"told {told[0]!r}" if told else None


@contextlib.contextmanager
def watched(address: str) -> Iterator[list[float]]:
    """The seconds of each health check while the block runs; -1 for one that failed."""
    seconds: list[float] = []
    is_over = threading.Event()

    def watch() -> None:
        at = urlsplit(address)
        while not is_over.is_set():
            began = time.perf_counter()
            connection = HTTPConnection(str(at.hostname), at.port, timeout=PATIENCE)
            try:
                connection.request("GET", "/healthz")
                is_well = connection.getresponse().status == 200
            except OSError:
                is_well = False
            connection.close()
            seconds.append(time.perf_counter() - began if is_well else -1.0)
            is_over.wait(PAUSE)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seconds
    finally:
        is_over.set()
        thread.join()


def fuzzed(
    address: str, count: int, seed: int, secrets: Sequence[str], until: float = float("inf")
) -> Iterator[Answer]:
    """The answers to so many requests, or to those that are sent until a time (of `time.monotonic`)."""
    description = httpx.get(f"{address}/openapi.json", timeout=PATIENCE).json()
    for start in range(0, count, ROUND):
        if time.monotonic() > until:
            return
        fuzzer = Fuzzer(description, prepare(address))
        requests = [fuzzer.request(f"{seed} {number}") for number in range(start, min(count, start + ROUND))]
        with ThreadPoolExecutor(SENDERS) as pool:
            yield from pool.map(lambda request: sent(address, request, secrets), requests)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server over an empty workspace, which writes its log to a file."""
    command = [*(sys.executable, "-m", "fine_tuning.cli", "serve", "--port", "0", "--slots", "0"), "--alias"]
    command.append(f"tiny={make_tiny_model(folder / 'tiny')}")
    environment = {**os.environ, "FINE_TUNING_HOME": str(folder / "workspace")}
    log = folder / "log"
    with log.open("wb") as stream, subprocess.Popen(command, env=environment, stderr=stream) as process:
        while (found := re.search(r"the dashboard at (http://[^ ,\n]+)", log.read_text())) is None:
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        try:
            yield found[1], process
        finally:
            process.terminate()


def main() -> int:
    """Send the requests; 1 if one was answered badly."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(folder) as (address, process), watched(address) as health:
            until = time.monotonic() + 60 * options.minutes
            answers = list(fuzzed(address, options.count, options.seed, [name], until))
            is_alive = process.poll() is None
        log = (folder / "log").read_text(errors="replace")
    bad = [each for each in answers if each.problem is not None]
    kinds = Counter((each.problem or "")[:60] for each in bad)
    for kind, times in kinds.most_common():
        example = min(
            (each for each in bad if (each.problem or "").startswith(kind)), key=lambda each: len(each.request)
        )
        print(f"{times} x {example.problem}\n    {example.request[:600]!r}")
    if "Traceback" in log:
        print(log[log.index("Traceback") - 300 :][:6000])
    failed = sum(each < 0 for each in health)
    middle, high, most = (1000 * np.quantile(health, share) for share in (0.5, 0.99, 1.0))
    statuses = Counter(each.status for each in answers)
    print(
        f"statuses: {dict(sorted(statuses.items(), key=str))}; the longest took {max(a.seconds for a in answers):.1f} s"
    )
    print(
        f"health check: p50 {middle:.0f} ms, p99 {high:.0f} ms, longest {most:.0f} ms, {failed} of {len(health)} failed"
    )
    tracebacks = f"{log.count('Traceback')} tracebacks in the log"
    print(f"{len(answers)} requests, seed {options.seed}: {len(bad)} answered badly, {tracebacks}")
    return 1 if bad or failed or not is_alive or "Traceback" in log else 0


if __name__ == "__main__":
    sys.exit(main())
