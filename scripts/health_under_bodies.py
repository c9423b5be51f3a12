"""The time of the health check while clients send the worst bodies of 1 to 16 MiB.

`python -m scripts.health_under_bodies` prints p50, p99 and the longest of each size, and exits with 1 where p99 is
200 ms or more, or a check failed. Nothing else may run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import numpy as np
from scripts import fuzz_requests
from tests.security.worst_bodies import worst_bodies

MIB = 1 << 20
SIZES = (1, 4, 8, 16)  # MiB
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/openai/v1/chat/completions")
LIMIT = 0.2  # seconds
PATIENCE = 60.0


def watch(address: str, to: Connection) -> None:
    """Measure until something is received, in a process of its own: the senders keep this one busy."""
    with fuzz_requests.watched(address) as seconds:
        to.send(None)  # the senders may begin
        to.recv()
    to.send(seconds)


def measured(address: str, size: int, seconds: float, senders: int) -> list[float]:
    """The seconds of each health check while so many clients send bodies of a size; -1 for one that failed."""
    bodies = [*worst_bodies(size - 1024).values()]
    until = 0.0

    def send(first: int) -> None:
        for number in itertools.count(first):
            if time.monotonic() > until:
                return
            with suppress(httpx.HTTPError):
                path, body = PATHS[number % len(PATHS)], bodies[number % len(bodies)]
                httpx.post(f"{address}{path}", content=body, timeout=PATIENCE)

    here, there = multiprocessing.Pipe()
    watcher = multiprocessing.get_context("spawn").Process(target=watch, args=(address, there))
    watcher.start()
    here.recv()
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(send, range(senders)))
    here.send(None)
    found: list[float] = here.recv()
    watcher.join()
    return found


def main() -> int:
    """Measure each size; 1 if the health check waited too long."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0, help="of each size")
    parser.add_argument("--senders", type=int, default=4)
    options = parser.parse_args()
    is_well = True
    with tempfile.TemporaryDirectory() as name, fuzz_requests.running(Path(name)) as (address, _):
        for size in SIZES:
            found = measured(address, size * MIB, options.seconds, options.senders)
            middle, high, most = np.quantile(found, (0.5, 0.99, 1.0))
            failed = sum(each < 0 for each in found)
            print(
                f"{size} MiB: p50 {1000 * middle:.0f} ms, p99 {1000 * high:.0f} ms, longest {1000 * most:.0f} ms, "
                f"{failed} of {len(found)} failed"
            )
            is_well = is_well and high < LIMIT and not failed
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
