"""Labelling that is killed again and again: nothing is paid twice, and what was answered is kept."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fine_tuning.workflows.labelling.recorded_calls import RECORDERS
from tests.workflows.labelling.conftest import Teacher

KILLS = 5


def test_killed_labelling_pays_nothing_twice(cli: Any, teacher: Teacher, tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "p.txt").write_text("\n".join(f"question {at}" for at in range(120)))
    teacher.answer = lambda question, _: time.sleep(0.15) or question.upper()  # type: ignore[func-returns-value]
    command = [sys.executable, "-m", "fine_tuning.cli", "label", str(tmp_path / "p.txt"), "--teacher", "big", "--json"]
    rng = random.Random(7)
    for _ in range(KILLS):
        before = len(teacher.host.requests)
        with subprocess.Popen(
            [*command, "--concurrency", "4"],
            env=os.environ.copy(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while len(teacher.host.requests) < before + 2 and process.poll() is None:
                time.sleep(0.02)
            time.sleep(rng.uniform(0.0, 0.5))
            process.send_signal(signal.SIGKILL)
    code, out, _ = cli(*command[3:])
    found = json.loads(out)
    assert found["labelled"] + found["unknown"] == 120
    assert 0 < found["unknown"] <= KILLS * (4 + RECORDERS)  # on their way, or answered and not yet recorded
    assert code == 1
    assert max(teacher.asked.values()) == 1
    assert json.loads(cli(*command[3:], "--repeat-unknown")[1])["labelled"] == 120
