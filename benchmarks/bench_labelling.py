"""Labels from a teacher: how much of its host's own throughput is used, and what kill -9 pays for twice.

python benchmarks/bench_labelling.py                    # about five minutes
python benchmarks/bench_labelling.py --kills 10 --prompts 1000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import report

CONCURRENCY = 32
HOST_MS = 200  # a big model's answer takes longer
ROUNDS = 3
PROMPTS_PER_KILL = 200
SECONDS_TO_KILL = (0.0, 1.5)  # after the first call of a run
TEACHER = "big"


@contextmanager
def host(folder: str) -> Iterator[str]:
    """The scripted host in a process of its own; it writes a line for each call that it has answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "labelling_host:app", "--port", str(port), "--log-level", "critical"]
    environment = {**os.environ, "HOST_MS": str(HOST_MS), "HOST_PAID": str(Path(folder) / "paid.txt")}
    here = Path(__file__).parent
    with subprocess.Popen(command, env=environment, cwd=here) as process:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def written(folder: Path, prompts: int) -> Path:
    """A file of so many prompts."""
    file = folder / "prompts.jsonl"
    rng = random.Random(1)
    lines = (json.dumps({"prompt": f"question {at}: where is order {rng.randrange(10**9)}?"}) for at in range(prompts))
    file.write_text("\n".join(lines))
    return file


async def asked_plainly(url: str, file: Path) -> float:
    """Seconds in which a plain client, as many calls at once, has asked the same."""
    questions = [json.loads(line)["prompt"] for line in file.read_text().splitlines()]
    limit = asyncio.Semaphore(CONCURRENCY)
    async with httpx2.AsyncClient(limits=httpx2.Limits(max_connections=CONCURRENCY)) as client:

        async def ask(question: str) -> None:
            body = {"model": TEACHER, "messages": [{"role": "user", "content": question}], "max_tokens": 16}
            async with limit:
                (await client.post(f"{url}/chat/completions", json=body, timeout=60)).raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*map(ask, questions))
        return time.perf_counter() - started


def environment(url: str, home: str) -> dict[str, str]:
    """Of `ft-cli`, with the host and a price."""
    prices = json.dumps({TEACHER: {"input": 1.0, "output": 4.0}})
    named = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-x", "FINE_TUNING_PRICES": prices, "FINE_TUNING_HOME": home}
    return {**os.environ, **named}


def command(file: Path) -> list[str]:
    """The command that labels a file."""
    options = [
        "--teacher",
        TEACHER,
        "--max-tokens",
        "16",
        "--concurrency",
        str(CONCURRENCY),
        "--budget",
        "50",
        "--json",
    ]
    return [*report.FT_CLI, "label", str(file), *options]


def labelled(url: str, file: Path) -> tuple[float, dict[str, Any]]:
    """Seconds of the whole command in an empty workspace, with the start of the program, and what it says."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        done = subprocess.run(command(file), env=environment(url, home), check=True, capture_output=True, text=True)
        return time.perf_counter() - started, json.loads(done.stdout)


def throughput(prompts: int) -> str:
    """The host's own throughput and ours, in turn."""
    plain, ours = [], []
    with tempfile.TemporaryDirectory() as folder, host(folder) as url:
        file = written(Path(folder), prompts)
        for _ in range(ROUNDS):
            plain.append(asyncio.run(asked_plainly(url, file)))
            took, found = labelled(url, file)
            assert found["labelled"] == prompts
            ours.append(took)
            print(f"plain {plain[-1]:.1f} s, labelled {took:.1f} s", flush=True)
    host_rate, our_rate = prompts / statistics.median(plain), prompts / statistics.median(ours)
    return f"""
{prompts:,} prompts, {CONCURRENCY} calls at once, a host that answers after {HOST_MS} ms; medians of {ROUNDS} rounds in
turn. Ours is the whole command: its start, a record of each call before and after it, prices, and the examples.

| | calls a second |
|---|---|
| a plain client | {host_rate:.0f} |
| `ft-cli label` | {our_rate:.0f} ({our_rate / host_rate:.1%} of it; target: at least 90 %) |
"""


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.is_file() else 0


def killed(kills: int) -> str:
    """A labelling that is killed at random, and started again, until nothing is left."""
    rng = random.Random(3)
    with tempfile.TemporaryDirectory() as folder, host(folder) as url:
        file, home = written(Path(folder), PROMPTS_PER_KILL * kills), str(Path(folder) / "home")
        done, paid_file = 0, Path(folder) / "paid.txt"
        while done < kills:
            process = subprocess.Popen(
                command(file), env=environment(url, home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            before = _lines(paid_file)
            while process.poll() is None and _lines(paid_file) == before:
                time.sleep(0.05)
            time.sleep(rng.uniform(*SECONDS_TO_KILL))
            if process.poll() is not None:
                break  # nothing is left
            process.send_signal(signal.SIGKILL)
            process.wait()
            done += 1
        last = subprocess.run(command(file), env=environment(url, home), check=False, capture_output=True, text=True)
        found = json.loads(last.stdout)
        time.sleep(1)
        paid = Counter(paid_file.read_text().splitlines())
    twice = sum(count > 1 for count in paid.values())
    assert found["labelled"] + found["unknown"] == found["prompts"]
    return f"""
{done} kills at random over {found["prompts"]:,} prompts, {CONCURRENCY} calls at once: {len(paid):,} prompts paid,
**{twice} paid twice**; {found["labelled"]:,} labelled, {found["unknown"]:,} were on their way at a kill, of which
nobody knows whether they were paid, and which are asked again with `--repeat-unknown` only.
"""


def main() -> None:
    """Run both, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    asked = parser.parse_args()
    report.write("Labels from a teacher", "bench_labelling.py", throughput(asked.prompts) + killed(asked.kills))


if __name__ == "__main__":
    main()
