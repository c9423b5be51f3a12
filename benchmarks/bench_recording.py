"""Recording samples of an A/B test: in bulk, one by one, by eight writers at once; and a verdict over ten million.

    python benchmarks/bench_recording.py          # three minutes

The peer is `sqlite3` alone, with the same durability (WAL, synchronous NORMAL): it keeps the same rows under a unique
id, scores nothing, and tells nobody which model is better.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import report

from fine_tuning import ABTestFramework
from fine_tuning.experiments.sufficient_statistics import Statistics
from fine_tuning.store import experiment_samples, experiments
from fine_tuning.store.database import open_database

BULK, SINGLE, WRITERS, EACH = 200_000, 3_000, 8, 400
BLOCK, ROUNDS = 2_000, 5  # rows of a transaction in bulk, as the framework commits them
MILLIONS = 10_000_000


def sample(number: int, writer: int = 0) -> dict[str, Any]:
    """An answer with all that production knows of it."""
    arm, said = "model_b" if number % 2 else "model_a", "yes" if number % 5 else "no"
    figures = {"latency_ms": 100.0 + number % 37, "cost": 0.001}
    return {"model": arm, "prediction": said, "reference": "yes", **figures, "sample_id": f"{writer}-{number}"}


def bulk(path: str) -> float:
    """Samples a second in blocks."""
    framework = ABTestFramework(path)
    framework.create_test("bulk", "a", "b")
    started = time.perf_counter()
    counts = framework.record_samples("bulk", (sample(number) for number in range(BULK)))
    assert counts["recorded"] == BULK, counts
    return BULK / (time.perf_counter() - started)


def single(path: str) -> float:
    """Samples a second, each in a transaction of its own, committed before the next."""
    framework = ABTestFramework(path)
    framework.create_test("single", "a", "b")
    started = time.perf_counter()
    for number in range(SINGLE):
        say = sample(number)
        figures = (say["prediction"], say["reference"], say["latency_ms"], say["cost"])
        framework.record_sample("single", say["model"], *figures, sample_id=say["sample_id"])
    return SINGLE / (time.perf_counter() - started)


def plain(path: str, total: int, block: int) -> float:
    """Samples a second by the peer, so many in a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE samples (sample_id TEXT PRIMARY KEY, arm TEXT, prediction TEXT, reference TEXT, "
            "latency_ms REAL, cost REAL)"
        )
        insert = (
            "INSERT OR IGNORE INTO samples VALUES (:sample_id, :model, :prediction, :reference, :latency_ms, :cost)"
        )
        started = time.perf_counter()
        for start in range(0, total, block):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, (sample(number) for number in range(start, start + block)))
            connection.execute("COMMIT")
        return total / (time.perf_counter() - started)


def side_by_side(path: str, ours: Callable[[str], float], total: int, block: int) -> tuple[float, float, float]:
    """Medians of both, samples a second, and of how many times as long ours takes; in turn, round by round."""
    files = (f"{path}.{block}.{number}" for number in count())
    rounds = [(ours(next(files)), plain(next(files), total, block)) for _ in range(ROUNDS)]
    ratio = statistics.median(peer / mine for mine, peer in rounds)
    return statistics.median(each[0] for each in rounds), statistics.median(each[1] for each in rounds), ratio


def write(path: str, writer: int) -> int:
    """One of many writers."""
    framework = ABTestFramework(path)
    rows = [sample(number, writer) for number in range(EACH)]
    for row in rows:
        framework.record_samples("many", [row])
    return framework.record_samples("many", rows)["repeated"]  # all of them again: nothing is doubled


def many(path: str) -> tuple[float, dict[str, int]]:
    """Samples a second by several processes at once, and what the store holds then."""
    ABTestFramework(path).create_test("many", "a", "b")
    started = time.perf_counter()
    with ProcessPoolExecutor(WRITERS, get_context("spawn")) as pool:
        repeated = list(pool.map(write, [path] * WRITERS, range(WRITERS)))
    seconds = time.perf_counter() - started
    assert repeated == [EACH] * WRITERS, repeated
    with open_database(path).read() as tx:
        return WRITERS * EACH / seconds, experiment_samples.count(tx, "many")


def verdict(path: str) -> float:
    """Milliseconds for a verdict over ten million samples: their running sums, as recording leaves them."""
    framework, database = ABTestFramework(path), open_database(path)
    framework.create_test("large", "a", "b", guardrails=[{"measure": "latency", "statistic": "p95", "margin": 0.1}])
    framework.record_samples("large", (sample(number) for number in range(20_000)))
    with database.write() as tx:
        test = experiments.get(tx, "large")
        assert test is not None
        grown = Statistics.of(test["statistics"])
        factor = MILLIONS / 2 / grown.arms["model_a"].samples
        for blocks in grown.comparison.strata.values():
            for cells in (blocks.scores, *blocks.measures.values()):
                for sums in (cells.current, cells.ended, *cells.by_share.values(), *cells.changing.values()):
                    sums.totals = [each * factor for each in sums.totals]
                    sums.products = [each * factor for each in sums.products]
        for arm in grown.arms.values():
            arm.samples = MILLIONS // 2
            for moments in (arm.scores, *arm.measures.values()):
                moments.count, moments.total = MILLIONS // 2, moments.total * factor
                moments.squares *= factor
            arm.latencies.buckets = {bucket: round(count * factor) for bucket, count in arm.latencies.buckets.items()}
        experiments.set_statistics(tx, "large", grown.as_dict())
    times = []
    for _ in range(20):
        started = time.perf_counter()
        result = framework.monitor("large")
        times.append((time.perf_counter() - started) * 1000)
    assert result.total_samples == MILLIONS
    return statistics.median(times)


def main() -> None:
    """Measure all, on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "tests.db")
        in_bulk = side_by_side(path, bulk, BULK, BLOCK)
        singly = side_by_side(path, single, SINGLE, 1)
        together, stored = many(path)
        milliseconds = verdict(path)
    wanted = WRITERS * EACH // 2
    report.write("Recording A/B samples", "bench_recording.py", f"""
SQLite. Each sample has an id (a repeated one is not counted twice), a score, a latency and a cost.

| samples a second | recorded | `sqlite3` alone | times as long |
|---|---|---|---|
| in blocks of {BLOCK:,} | {in_bulk[0]:,.0f} | {in_bulk[1]:,.0f} | {in_bulk[2]:.1f} |
| one by one, each committed | {singly[0]:,.0f} | {singly[1]:,.0f} | {singly[2]:.1f} |

{WRITERS} processes at once, one by one, then all again: {together:,.0f} a second; stored of {WRITERS * EACH:,}, by
model: {stored["model_a"]:,} and {stored["model_b"]:,} ({wanted:,} each were sent). A verdict over {MILLIONS:,} samples
takes {milliseconds:.1f} ms (at most 50 are wanted).
""")  # fmt: skip


if __name__ == "__main__":
    main()
