"""How long a small job waits for its first step, and how long after its last one it has ended.

    python benchmarks/bench_start.py          # about four minutes on two cores; --jobs 3 for a shorter look

One worker trains jobs of 50 rows one after another (LoRA on SmolLM2-135M). The first trainer is started for its job;
the next ones wait for theirs with their libraries loaded.
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

ROWS = 50
REST_SECONDS = 20.0  # between two jobs, in which the next trainer loads its libraries
POLL_SECONDS = 0.02
WANTED_START, WANTED_END = 4, 5  # seconds


class Seconds(NamedTuple):
    """Of a job: from its creation to the start of its training, to its first step, and from its last one to its end."""

    prepared: float
    first_step: float
    end: float


def trained(workspace: Workspace, name: str, file_id: str) -> Seconds:
    """Create a job, and watch it."""
    small_jobs.enqueue(workspace, name, file_id)
    created = time.monotonic()
    started = first = last = 0.0
    steps = 0
    while True:
        with workspace.database.read() as tx:
            found = jobs.get(tx, name)
            events = job_events.newest(tx, name, 1000)
            done = len(job_events.metrics(tx, name))
        now = time.monotonic()
        started = started or (now if any(each["message"] == "training" for each in events) else 0.0)
        first = first or (now if done else 0.0)
        if done > steps:
            steps, last = done, now
        if found is None or found["status"] == "failed":
            raise SystemExit(f"the job failed: {found and found['error']}")
        if found["status"] == "succeeded":
            return Seconds(started - created, first - created, now - last)
        time.sleep(POLL_SECONDS)


def measured(count: int) -> list[Seconds]:
    """Jobs of one worker, with a rest between two."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FINE_TUNING_HOME"] = folder
        workspace = open_workspace()
        resolve(DEFAULT_BASE_MODEL, workspace.folder("models"))
        file_id = small_jobs.upload(workspace, Path(folder), ROWS)
        worker = subprocess.Popen([*report.FT_CLI, "worker"], stderr=subprocess.DEVNULL)
        try:
            found = []
            for number in range(count):
                time.sleep(REST_SECONDS)
                found.append(trained(workspace, f"ftjob-{number}", file_id))
                print(found[-1], flush=True)
        finally:
            worker.terminate()
            worker.wait()
        workspace.database.close()
    return found


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=6)
    first, *others = measured(parser.parse_args().jobs)
    next_ones = Seconds(*(median(values) for values in zip(*others, strict=True)))
    rows = [
        f"| {name} | {each.prepared:.1f} s | {each.first_step:.1f} s | {each.end:.1f} s |"
        for name, each in (("first job of a worker", first), (f"next jobs (median of {len(others)})", next_ones))
    ]
    report.write(
        "Start and end of a small job",
        "bench_start.py",
        f"""{ROWS} rows, one epoch, LoRA on SmolLM2-135M, in the queue of a `ft-cli worker`; the base model is in the
system's file cache. Wanted: the first step after {WANTED_START} s, the end (merged weights, a few answers to compare
exports with, checksums) {WANTED_END} s after the last step.

| | created to training | created to first step | last step to end |
|---|---|---|---|
"""
        + "\n".join(rows),
    )


if __name__ == "__main__":
    main()
