"""Killed at any moment, what is acknowledged is kept; `python -m scripts.random_kills --kills 200` kills more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import PROJECT

KILLS, SEED = 6, 3


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_killed_operations_lose_nothing_and_leave_nothing_half_made(
    backend: str, request: pytest.FixtureRequest
) -> None:
    command = [sys.executable, "-m", "scripts.random_kills", "--without-models"]
    command += ["--kills", str(KILLS), "--seed", str(SEED)]
    if backend == "postgresql":
        command += ["--postgresql", request.getfixturevalue("postgres_server")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} kills" in done.stdout
