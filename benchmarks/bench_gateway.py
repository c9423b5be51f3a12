"""What a gateway adds to a call: this one, and LiteLLM's proxy, before the same upstream on the same cores.

    python benchmarks/bench_gateway.py --litellm ../litellm/bin/litellm   # about six minutes on two cores

LiteLLM wants an environment of its own: `python -m venv ../litellm && ../litellm/bin/pip install "litellm[proxy]"`.
Clients, upstream and gateway share the cores, as they do in each row.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import aiohttp
import numpy as np
import report
from gateway_upstream import THOUGHT
from server_process import serving

CLIENTS = 50
THINKS_MS = 200
BEGIN_SECONDS = 0.3  # within which the clients begin, one after another
QUESTION = "Where is my order? " * 12
HEADERS = {"Authorization": "Bearer sk-1234", "Content-Type": "application/json"}
LITELLM = """
general_settings: {{master_key: sk-1234}}
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "{0}/v1", api_key: sk-1234}}
"""


class Load(NamedTuple):
    """Calls by `CLIENTS` clients, and all seconds.

    Of each call the milliseconds to the body's first byte and its end, but for those of the upstream's thinking.
    """

    first: Any
    whole: Any
    seconds: float

    @property
    def rate(self) -> float:
        """Calls a second."""
        return len(self.whole) / self.seconds


async def _load(address: str, calls: int, *, stream: bool) -> Load:
    body = json.dumps({"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": QUESTION}]})
    times: list[tuple[float, float]] = []
    numbers = iter(range(calls))

    async def client(session: aiohttp.ClientSession, number: int) -> None:
        await asyncio.sleep(BEGIN_SECONDS * number / CLIENTS)
        for _ in numbers:
            started = time.perf_counter()
            async with session.post(f"{address}/v1/chat/completions", data=body, headers=HEADERS) as response:
                await response.content.readany()
                first = time.perf_counter()
                await response.read()
                if response.status != 200:
                    raise SystemExit(f"{address} answered {response.status}")
                thought = response.headers.get(THOUGHT) or response.headers[f"llm_provider-{THOUGHT}"]
            started += float(thought) / 1000
            times.append((first - started, time.perf_counter() - started))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.perf_counter()
        await asyncio.gather(*(client(session, number) for number in range(CLIENTS)))
        seconds = time.perf_counter() - started
    first, whole = np.array(times).T * 1000
    return Load(first, whole, seconds)


def load(address: str, calls: int, *, stream: bool = False) -> Load:
    """Send calls, after some that nobody measures."""
    asyncio.run(_load(address, 2 * CLIENTS, stream=stream))
    return asyncio.run(_load(address, calls, stream=stream))


@contextmanager
def _process(command: list[str], ready: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options) as process:
        for _ in range(600):
            try:
                urlopen(ready).close()  # noqa: S310 - our own address
                break
            except OSError:
                time.sleep(0.1)
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()  # one that waits for a call that is never answered


@contextmanager
def upstream(milliseconds: int, port: int) -> Iterator[str]:
    """An upstream that thinks for so long."""
    command = [sys.executable, "-m", "uvicorn", "gateway_upstream:app", "--port", str(port), "--log-level", "critical"]
    environment = {**os.environ, "UPSTREAM_MS": str(milliseconds)}
    with _process(command, f"http://127.0.0.1:{port}/", cwd=Path(__file__).parent, env=environment):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def ours(address: str, home: str) -> Iterator[tuple[str, int]]:
    """Our gateway before an upstream: the base of its paths, and its process."""
    os.environ["FINE_TUNING_UPSTREAMS"] = json.dumps({"openai": address})
    with serving(home, "--slots", "0") as served:
        yield f"http://{served.host}:{served.port}/openai", served.process_id


@contextmanager
def litellm(program: str, address: str, home: str, port: int) -> Iterator[tuple[str, int]]:
    """LiteLLM's proxy before an upstream."""
    settings = Path(home) / f"litellm-{port}.yaml"
    settings.write_text(LITELLM.format(address))
    command = [program, "--config", str(settings), "--port", str(port), "--num_workers", "1"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"] = "true"  # it listens on this machine alone
    with _process(command, f"http://127.0.0.1:{port}/health/liveliness", env=environment) as process:
        yield f"http://127.0.0.1:{port}", process.pid


def row(name: str, direct: Load, found: Load, stream: Load, direct_stream: Load) -> str:
    """A row of the table of what is added."""
    added = [np.percentile(found.whole, at) - np.percentile(direct.whole, at) for at in (50, 99)]
    first = [np.percentile(stream.first, at) - np.percentile(direct_stream.first, at) for at in (50, 99)]
    return f"| {name} | {added[0]:.1f} | {added[1]:.1f} | {first[0]:.1f} | {first[1]:.1f} |"


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--litellm", help="the program litellm, version 1.x")
    parser.add_argument("--calls", type=int, default=3000, help="for each figure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        slow, quick = (stack.enter_context(upstream(*each)) for each in ((THINKS_MS, 9871), (0, 9872)))
        added, rates = [], []
        direct, direct_stream = load(slow, given.calls), load(slow, given.calls, stream=True)
        for name in ("this gateway", "LiteLLM's proxy"):
            if name.startswith("LiteLLM") and not given.litellm:
                continue

            def gateway(address: str, port: int, name: str = name) -> Any:
                if name.startswith("LiteLLM"):
                    return litellm(given.litellm, address, home, port)
                return ours(address, f"{home}/{port}")

            with gateway(slow, 9873) as (address, _):
                found, stream = load(address, given.calls), load(address, given.calls, stream=True)
                added.append(row(name, direct, found, stream, direct_stream))
            with gateway(quick, 9874) as (address, process):
                before = report.memory_of_tree(process)
                whole, streamed = load(address, given.calls), load(address, given.calls, stream=True)
                grown = (report.memory_of_tree(process) - before) / 2**20
                rates.append(f"| {name} | {whole.rate:,.0f} | {streamed.rate:,.0f} | {grown:+.0f} |")
        most = load(quick, given.calls).rate
    report.write(
        "The gateway",
        "bench_gateway.py",
        f"""
{CLIENTS} clients, which call all the time; {given.calls:,} calls for each figure. The upstream thinks for
{THINKS_MS // 2} to {THINKS_MS * 3 // 2} ms and says how long, which is taken off each call. Added are the
differences of percentiles to calls of the upstream without a gateway, in ms.

| | whole answers, p50 (target: 2) | p99 (10) | first byte of streams, p50 (2) | p99 (10) |
|---|---|---|---|---|
{chr(10).join(added)}

Calls a second before an upstream that does not think, which answers {most:,.0f} without a gateway (target: five
times LiteLLM's), and what the memory of all processes grew by.

| | whole answers | streams | MiB |
|---|---|---|---|
{chr(10).join(rates)}
""",
    )


if __name__ == "__main__":
    main()
