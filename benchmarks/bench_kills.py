"""Kill -9 at random: of a server, its worker and its trainers, over a queue of tiny jobs.

python benchmarks/bench_kills.py          # about ten minutes; --kills 20 for a shorter look
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import report

sys.path.insert(0, str(report.PROJECT))
from tests.tiny_model import make_tiny_model

JOBS = 20
ROWS = 10
STEPS = 100
KINDS = ("server", "server", "worker", "worker", "trainer")  # a trainer that dies ten times in a row fails its job
SECONDS_BETWEEN = (0.5, 4.0)
ENDED = {"succeeded", "failed", "cancelled"}


def start(home: str, model: Path) -> subprocess.Popen[bytes]:
    """A server with one worker."""
    command = [*report.FT_CLI, "serve", "--port", "0", "--alias", f"tiny={model}"]
    environment = {**os.environ, "FINE_TUNING_HOME": home}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def trainers(home: str) -> list[psutil.Process]:
    """Every trainer over this workspace, also those whose worker was killed."""
    return [p for p in _pythons(home) if "fine_tuning.training.jobs.worker" in p.info["cmdline"]]


def workers(home: str) -> list[psutil.Process]:
    """Every worker over this workspace."""
    return [p for p in _pythons(home) if "worker" in p.info["cmdline"]]


def _pythons(home: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if process.info["cmdline"] and process.environ().get("FINE_TUNING_HOME") == home:
                found.append(process)
        except psutil.Error:
            continue
    return found


class History:
    """What was seen while the queue was worked off."""

    def __init__(self) -> None:
        self.kills: Counter[str] = Counter()
        self.most_trainers: Counter[str] = Counter()

    def look(self, home: str) -> None:
        """Count the trainers of each job that run now and hold it."""
        jobs = Counter(process.info["cmdline"][3] for process in trainers(home))
        self.most_trainers |= jobs


def enqueue(home: str, model: Path) -> None:
    """The jobs, over one file."""
    from openai import OpenAI
    from server_process import serving

    rows = [
        {"messages": [{"role": "user", "content": f"add {n} and 1"}, {"role": "assistant", "content": str(n + 1)}]}
        for n in range(ROWS)
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    with (
        serving(home, "--slots", "0", "--alias", f"tiny={model}") as served,
        OpenAI(base_url=f"http://{served.host}:{served.port}/v1", api_key="any") as client,
    ):
        file = client.files.create(file=("sums.jsonl", content), purpose="fine-tune").id
        settings: Any = {"n_epochs": STEPS // ROWS, "batch_size": 1}
        for seed in range(JOBS):
            client.fine_tuning.jobs.create(model="tiny", training_file=file, seed=seed, hyperparameters=settings)


def jobs_of(home: str) -> list[dict[str, Any]]:
    """Every job's record and loss curve, read from the database."""
    os.environ["FINE_TUNING_HOME"] = home
    from fine_tuning.store import job_events, jobs
    from fine_tuning.store.database import open_database

    with open_database().read() as tx:
        found = jobs.newest(tx, 1000)
        for job in found:
            events = job_events.newest(tx, job["id"], job_events.MAX_EVENTS)
            job["steps"] = [e["data"]["step"] for e in events if "train_loss" in e["data"]]
    return found


def main() -> None:
    """Work off the queue under fire."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    wanted = parser.parse_args().kills
    chosen, history = random.Random(7), History()
    with tempfile.TemporaryDirectory() as home:
        model = make_tiny_model(Path(home) / "tiny")
        enqueue(home, model)
        server = start(home, model)
        started = time.monotonic()
        while not all(job["status"] in ENDED for job in jobs_of(home)):
            until = time.monotonic() + chosen.uniform(*SECONDS_BETWEEN)
            while time.monotonic() < until:
                history.look(home)
                time.sleep(0.1)
            if history.kills.total() < wanted:
                kill(chosen.choice(KINDS), home, server, history)
            if server.poll() is not None:
                server = start(home, model)
        seconds = time.monotonic() - started
        server.send_signal(signal.SIGTERM)
        server.wait()
        found = jobs_of(home)
    write(found, history, seconds)


def kill(kind: str, home: str, server: subprocess.Popen[bytes], history: History) -> None:
    """Kill one process of a kind, if there is one."""
    if kind == "server":
        server.kill()
        server.wait()
        history.kills[kind] += 1
        return
    for process in (workers if kind == "worker" else trainers)(home)[:1]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return
        history.kills[kind] += 1


def write(found: list[dict[str, Any]], history: History, seconds: float) -> None:
    """Report the status of the jobs."""
    states = Counter(job["status"] for job in found)
    whole = sum(job["steps"] == list(range(1, STEPS + 1)) for job in found)
    killed = ", ".join(f"{count} of a {kind}" for kind, count in history.kills.items())
    body = f"""
{JOBS} jobs of {STEPS} steps in the queue, {history.kills.total()} kills ({killed}), {seconds / 60:.0f} minutes.

| | counted | target |
|---|---|---|
| succeeded | {states["succeeded"]} | {JOBS} |
| lost or failed | {JOBS - states["succeeded"]} | 0 |
| jobs with one continuous loss curve, each step once | {whole} | {JOBS} |
| most trainers of one job alive at once | {max(history.most_trainers.values(), default=0)} | 1 |
"""
    report.write("Killed at random", "bench_kills.py", body)


if __name__ == "__main__":
    main()
