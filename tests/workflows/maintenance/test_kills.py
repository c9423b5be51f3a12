"""Writers of every kind are killed in the midst; what they leave behind is whole."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest

from fine_tuning import ModelRegistry
from fine_tuning.store.database import Database
from fine_tuning.workflows.maintenance import doctor
from tests.conftest import PROJECT
from tests.workflows.maintenance.conftest import workspace_of

pytestmark = pytest.mark.slow

KILLS = 4  # benchmarks/bench_registry.py has a hundred
WRITER = PROJECT / "scripts" / "write_everything.py"


def test_killed_writers_leave_a_consistent_workspace(database: Database) -> None:
    rng = random.Random(1)
    for _ in range(KILLS):
        writer = subprocess.Popen([sys.executable, WRITER], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.2 + rng.random() * 0.5)
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert [
        each.what for findings in doctor.check_workspace(workspace_of(database)).values() for each in findings
    ] == []
    assert len(ModelRegistry().list_models()) >= KILLS
