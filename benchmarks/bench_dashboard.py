"""The dashboard over a large workspace: its pages, live events, and the API beside fifty browsers that watch a job.

python benchmarks/bench_dashboard.py                    # most of the time fills the workspace
python benchmarks/bench_dashboard.py --scale 0.01       # a quick look
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import report
from playwright.sync_api import Browser, sync_playwright
from server_process import serving

from fine_tuning import ABTestFramework
from fine_tuning.store import job_events, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database import open_database

JOBS, EVENTS, EXAMPLES, SAMPLES = 100_000, 1_000_000, 1_000_000, 10_000_000
BLOCK = 20_000
LOADS = 5
LIVE = 20  # events that are waited for
BROWSERS = 50
PAIRS = 5  # of the API alone and beside them
REQUESTS = 1000
WATCHED = "ftjob-0"
SEEN = "text => document.body.innerText.includes(text)"
PAGES = ("/", "/review", "/datasets", "/jobs", "/models", "/experiments", "/costs", "/playground")


def fill(scale: float) -> None:
    """Rows of every kind, straight into the tables: what made them is measured elsewhere."""
    moment = now()
    job = {"provider": "local", "model": "base", "training_file_id": "f", "hyperparameters": {}, "requested": "run",
           "created_at": moment}  # fmt: skip
    statuses = ("succeeded", "failed", "cancelled", "paused")
    _insert(tables.jobs, int(JOBS * scale), lambda n: {
        **job, "id": f"ftjob-{n}", "idempotency_key": str(n),
        "status": statuses[n % 4] if n else "running"})  # fmt: skip
    event = {"created_at": moment, "level": "info", "kind": "metrics", "message": "step"}
    each = max(1, int(EVENTS / JOBS))
    _insert(tables.job_events, int(EVENTS * scale), lambda n: {
        **event, "job_id": f"ftjob-{n // each}",
        "data": {"step": n % each + 1, "total_steps": 1000, "train_loss": 1.0}})  # fmt: skip
    example = {"task_type": "chat", "model_used": "big", "metadata": {}, "sightings": 1, "captured_at": moment,
               "last_seen_at": moment}  # fmt: skip
    _insert(tables.examples, int(EXAMPLES * scale), lambda n: {
        **example, "id": f"sha256:{n:064x}", "prompt": f"Question {n} " + "word " * 40, "response": f"Answer {n} " * 20,
        "domain": f"d{n % 7}", "rating": n % 5 + 1, "judged": n % 4 > 0})  # fmt: skip
    framework = ABTestFramework()
    framework.create_test("large", "a", "b")
    for number in range(200):
        framework.record_sample(
            "large", "model_b" if number % 2 else "model_a", "x", "x" if number % 3 else "y", 1.0, 0.1
        )
    sample = {"experiment_id": "large", "score": 1.0, "metadata": {}, "recorded_at": moment}
    _insert(tables.samples, int(SAMPLES * scale), lambda n: {
        **sample, "arm": "model_b" if n % 2 else "model_a", "ordinal": 1000 + n // 2})  # fmt: skip


def _insert(table: Any, count: int, row: Any) -> None:
    for start in range(0, count, BLOCK):
        with open_database().write() as tx:
            tx.execute(table.insert(), [row(number) for number in range(start, min(count, start + BLOCK))])


def seconds_to_content(browser: Browser, address: str, path: str) -> float:
    """From asking to the first contentful paint with the page's heading, in a browser without a cache."""
    context = browser.new_context()
    page = context.new_page()
    started = time.perf_counter()
    page.goto(address + path, wait_until="commit")
    page.get_by_role("heading", level=1).wait_for()
    page.locator(".main > *:nth-child(2)").first.wait_for()
    taken = time.perf_counter() - started
    context.close()
    return taken


def seconds_to_show(browser: Browser, address: str) -> list[float]:
    """From an event's commit to its being seen."""
    page = browser.new_page()
    page.goto(f"{address}/jobs/{WATCHED}")
    page.get_by_role("heading", level=1).wait_for()
    taken = []
    for step in range(2000, 2000 + LIVE):
        with open_database().write() as tx:
            facts = {"step": step, "total_steps": 3000, "train_loss": 1.0}
            job_events.add(tx, WATCHED, "metrics", f"step {step}", facts)
        started = time.perf_counter()
        page.wait_for_function(SEEN, arg=f"{step:,} of 3,000", polling="raf")  # locators look again after 0.5 s
        taken.append(time.perf_counter() - started)
    page.close()
    return taken


def p99_of_requests(address: str) -> float:
    """Milliseconds of the slowest in a hundred requests, one after the other."""
    taken = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        with urllib.request.urlopen(f"{address}/v1/files?limit=1") as answer:  # noqa: S310 - our own server
            answer.read()
        taken.append(time.perf_counter() - started)
    return statistics.quantiles(taken, n=100)[98] * 1000


WATCH = """
import asyncio, re, sys, urllib.request, uuid, socketio
address, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
async def watch():
    with urllib.request.urlopen(address + path) as answer:
        text, cookie = answer.read().decode(), answer.headers["set-cookie"].split(";")[0]
    identity = re.search(r"'client_id': '([0-9a-f-]{36})'", text)[1]
    client = socketio.AsyncClient()
    for kind in ("update", "run_javascript"): client.on(kind, lambda _: updates.append(1))
    query = f"client_id={identity}&document_id={uuid.uuid4()}&tab_id={uuid.uuid4()}&next_message_id=0"
    query += "&implicit_handshake=true"
    await client.connect(f"{address}?{query}", headers={"Cookie": cookie, "Origin": address},
                         socketio_path="/_nicegui_ws/socket.io", transports=["websocket"])
    return client
updates = []
async def main():
    clients = [await watch() for _ in range(count)]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(len(updates), flush=True)
    for client in clients: await client.disconnect()
asyncio.run(main())
"""


@contextmanager
def watching(address: str) -> Iterator[subprocess.Popen[str]]:
    """Fifty connections as browsers make them, to the page of a running job."""
    command = [sys.executable, "-c", WATCH, address, f"/jobs/{WATCHED}", str(BROWSERS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        if process.stdout.readline().strip() != "ready":
            sys.exit("the watching browsers did not connect")
        yield process


def p99_beside_browsers(address: str) -> tuple[float, int]:
    """The p99, and the updates that the browsers got while it was measured."""
    with watching(address) as process, _going_on():
        found = p99_of_requests(address)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        return found, int(process.stdout.readline())


@contextmanager
def _going_on() -> Iterator[None]:
    """A job that reports a step twice a second, from a separate process."""
    code = (
        "import time\nfrom fine_tuning.store import jobs\nfrom fine_tuning.store.database import open_database\n"
        "step = 5000\n"
        "while True:\n    step += 1\n    with open_database().write() as tx:\n"
        "        facts = {'step': step, 'total_steps': 9000, 'train_loss': 1.0}\n"
        f"        job_events.add(tx, '{WATCHED}', 'metrics', 'step', facts)\n"
        "    time.sleep(0.5)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Fill, measure, write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    with tempfile.TemporaryDirectory() as home:
        os.environ["FINE_TUNING_HOME"] = home
        fill(scale)
        with serving(home, "--slots", "0") as served:
            address = f"http://{served.host}:{served.port}"
            pairs = [(p99_of_requests(address), *p99_beside_browsers(address)) for _ in range(PAIRS)]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                seconds_to_content(browser, address, "/")  # the first start of everything
                pages = {path: [seconds_to_content(browser, address, path) for _ in range(LOADS)] for path in PAGES}
                live = seconds_to_show(browser, address)
                browser.close()
    idle, beside, updates = zip(*pairs, strict=True)
    times = [with_them / alone for with_them, alone in zip(beside, idle, strict=True)]
    rows = "\n".join(f"| `{path}` | {statistics.median(t):.2f} | {max(t):.2f} |" for path, t in pages.items())
    stored = {"jobs": JOBS, "events": EVENTS, "captured calls": EXAMPLES, "samples of a test": SAMPLES}
    size = ", ".join(f"{count * scale:,.0f} {what}" for what, count in stored.items())
    report.write(
        "Dashboard",
        "bench_dashboard.py",
        f"With {size} stored, on SQLite. Seconds from asking for a page to its content being seen, in Chromium "
        f"without a cache, on the same cores ({LOADS} loads each):\n\n"
        f"| page | median | slowest |\n|---|---:|---:|\n{rows}\n\n"
        f"A step's figures are seen {statistics.median(live):.2f} s after they are written (slowest of {LIVE}: "
        f"{max(live):.2f} s).\n\n"
        f"The API beside {BROWSERS} browsers that watch a running job ({sum(updates):,} messages sent to them "
        f"meanwhile): p99 of a request {statistics.median(beside):.1f} ms, alone {statistics.median(idle):.1f} ms, "
        f"{statistics.median(times):.2f} times ({PAIRS} pairs in turn, {min(times):.2f} to {max(times):.2f} times).",
    )


if __name__ == "__main__":
    main()
