"""Ctrl-C during training pauses the job, and it goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fine_tuning import LocalFineTuner

pytestmark = pytest.mark.slow  # starts processes


def test_train_ctrl_c_leaves_a_job_that_resumes(tmp_path: Path, tiny_model_dir: Path) -> None:
    row = {"messages": [{"role": "user", "content": "say yes"}, {"role": "assistant", "content": "yes"}]}
    (tmp_path / "chats.jsonl").write_text((json.dumps(row) + "\n") * 20)
    # Where the tests run in a shell's background SIGINT is ignored, also by every child, unless it is handled here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "fine_tuning.cli", "train", "chats.jsonl", "--model", str(tiny_model_dir)]
    process = subprocess.Popen(
        [*command, "--epochs", "40"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    tuner = LocalFineTuner()
    deadline = time.monotonic() + 90
    while not (
        tuner.list_jobs() and any(e["type"] == "metrics" for e in tuner.list_events(tuner.list_jobs()[0]["job_id"]))
    ):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in error
    found = re.search(r"job (ftjob-\w+) is paused; resume it with: ft-cli jobs resume \1", error)
    assert found, error
    assert tuner.get_job_status(found[1])["status"] == "paused"
    done = subprocess.run(
        [sys.executable, "-m", "fine_tuning.cli", "jobs", "resume", found[1]],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert tuner.get_job_status(found[1])["status"] == "succeeded"


def test_dataset_build_ctrl_c_leaves_nothing(tmp_path: Path, workspace: Path) -> None:
    row = {"messages": [{"role": "user", "content": "why is it so"}, {"role": "assistant", "content": "because"}]}
    with (tmp_path / "rows.jsonl").open("w") as stream:
        for number in range(150_000):
            row["messages"][0]["content"] = f"why is the number {number} so and not {number * 7919 % 100_003}"
            stream.write(json.dumps(row) + "\n")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "fine_tuning.cli", "dataset", "build", "big", "rows.jsonl"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    deadline = time.monotonic() + 60
    while not any(file.is_file() and file.stat().st_size for file in workspace.glob("datasets/.*/**/*")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "ft-cli: interrupted\n")
    assert list((workspace / "datasets").iterdir()) == []
