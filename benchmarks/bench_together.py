"""Small jobs on one base model: one after another against together in one process (`ft-cli worker --together`).

    python benchmarks/bench_together.py          # about 15 minutes; --jobs 4 --rows 24 --rounds 1 for a shorter look

Each round trains the same jobs of LoRA on SmolLM2-135M both ways, from the start of the worker to the last job's end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import report
import small_jobs

from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL, resolve
from fine_tuning.store import job_events, jobs
from fine_tuning.store.workspace import Workspace, open_workspace

WANTED = 1.3
POLL_SECONDS = 0.2


class Way(NamedTuple):
    """How it went one way: seconds, the largest memory in bytes, and the last loss of each job."""

    seconds: float
    memory: int
    losses: list[float]


def waiting_jobs(workspace: Workspace, count: int, rows: int) -> list[str]:
    """Jobs that differ in their learning rate."""
    file_id = small_jobs.upload(workspace, Path(os.environ["FINE_TUNING_HOME"]), rows)
    names = [f"ftjob-{number}" for number in range(count)]
    for number, name in enumerate(names):
        small_jobs.enqueue(workspace, name, file_id, learning_rate_multiplier=0.5 + number / 4)
    return names


def trained(count: int, rows: int, *options: str) -> Way:
    """Train jobs in a new workspace with a worker of these options."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FINE_TUNING_HOME"] = folder
        workspace = open_workspace()
        resolve(DEFAULT_BASE_MODEL, workspace.folder("models"))
        names = waiting_jobs(workspace, count, rows)
        started, memory = time.monotonic(), 0
        worker = subprocess.Popen([*report.FT_CLI, "worker", *options], stderr=subprocess.DEVNULL)
        try:
            while not _ended(workspace, names):
                memory = max(memory, report.memory_of_tree(worker.pid))
                time.sleep(POLL_SECONDS)
            seconds = time.monotonic() - started
        finally:
            worker.terminate()
            worker.wait()
        with workspace.database.read() as tx:
            losses = [job_events.metrics(tx, name)[-1]["train_loss"] for name in names]
        workspace.database.close()
    return Way(seconds, memory, [loss for loss in losses if loss is not None])


def _ended(workspace: Workspace, names: list[str]) -> bool:
    with workspace.database.read() as tx:
        found = [job["status"] for name in names if (job := jobs.get(tx, name)) is not None]
    if "failed" in found:
        raise SystemExit("a job failed")
    return set(found) == {"succeeded"}


def main() -> None:
    """Measure in turn, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("jobs", 8), ("rows", 48), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    pairs = []
    for _ in range(chosen.rounds):
        alone = trained(chosen.jobs, chosen.rows)
        together = trained(chosen.jobs, chosen.rows, "--slots", str(chosen.jobs), "--together")
        print(f"{alone.seconds:.0f} s and {together.seconds:.0f} s", flush=True)
        pairs.append((alone, together))
    seconds = [median(pair[side].seconds for pair in pairs) for side in (0, 1)]
    memory = [max(pair[side].memory for pair in pairs) / 1e9 for side in (0, 1)]
    apart = max(abs(a - b) for one, two in pairs for a, b in zip(one.losses, two.losses, strict=True))
    report.write(
        "Many adapters at once",
        "bench_together.py",
        f"""{chosen.jobs} jobs of {chosen.rows} rows each (LoRA on SmolLM2-135M, one epoch, 4 rows a step), from
the start of the worker to the end of the last job, medians of {chosen.rounds} rounds in turn.

| | one after another | together | |
|---|---|---|---|
| seconds | {seconds[0]:.0f} | {seconds[1]:.0f} | {seconds[0] / seconds[1]:.2f} times (wanted {WANTED}) |
| memory at most | {memory[0]:.1f} GB | {memory[1]:.1f} GB | |

The last losses of the jobs differ by at most {apart:.4f}.""",
    )


if __name__ == "__main__":
    main()
