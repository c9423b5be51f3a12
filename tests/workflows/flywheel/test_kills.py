"""Processes of the flywheel that are killed: a run goes on at the step where it was, and what is done stays done.

Leases and steps are tested on both databases in `test_flywheel`.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra `flywheel` is not installed")
pytest.importorskip("apscheduler", reason="the extra `flywheel` is not installed")
from fine_tuning.store import flywheels
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, open_database
from tests.gateway.test_route_candidates import current, history
from tests.gateway.test_routes import save
from tests.waiting import wait_until
from tests.workflows.flywheel.test_drift_watch import record
from tests.workflows.test_bakeoff import SAID, intent_of

POLICY = '[triage]\n[triage.when]\nschedule = "* * * * *"\n[triage.bakeoff]\nmargin = 0.2\nembeddings = ["none"]\n'


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "0.1")
    monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps({"gpt-4o": {"input": 2.0, "output": 8.0}}))
    file = tmp_path / "policies.toml"
    file.write_text(POLICY)
    return file


def running(policies: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "fine_tuning.cli", "flywheel", "run", str(policies)])


def test_killed_run_goes_on_and_sets_the_route_once(tmp_path: Path, policies: Path, cli: Any) -> None:
    database = open_database()
    save()
    questions = [form.format(f"order {at}") for at in range(30) for forms in SAID.values() for form in forms]
    record(tmp_path / "spool", questions, list(map(intent_of, questions)))
    assert cli("flywheel", "start", str(policies), "triage")[0] == 0
    rng = random.Random(4)
    for _ in range(3):
        process = running(policies)
        time.sleep(rng.uniform(1, 5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        with database.write() as tx:  # two minutes later
            tx.execute(flywheels._runs.update().values(lease_expires_at=now()))
    process = running(policies)
    try:
        wait_until(lambda: _state(database) == ("waiting", "shadow"))
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) in (0, -signal.SIGTERM)
    assert current()["policy"]["candidate"].startswith("local/triage-v")
    assert [each["changed_by"] for each in history()] == ["cli", "flywheel"]
    with database.read() as tx:
        assert len(flywheels.newest(tx)) == 1
        steps = flywheels.steps(tx, 1)
    assert all(steps[name]["facts"] is not None for name in ("label", "build", "bakeoff", "gate"))


def _state(database: Database) -> tuple[str, str]:
    with database.read() as tx:
        found = flywheels.get(tx, 1)
    assert found is not None
    return found["status"], found["step"]
