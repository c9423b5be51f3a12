"""The same plan on a real Ray cluster of two machines gives the same dataset."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

pytest.importorskip("ray", reason="the extra `distributed` is not installed")
from tests.datasets.test_building import build, chat, question, write

pytestmark = pytest.mark.xdist_group("ray")

# Command lines one after another in one process, which connects to the cluster once.
COMMANDS = """
import json, sys
from fine_tuning import FineTuningCLI

for words in json.loads(sys.argv[1]):
    code = FineTuningCLI().run(words)
    for stream in (sys.stdout, sys.stderr):
        print(f"ended with {code}", file=stream, flush=True)
"""


class Ran(NamedTuple):
    """A command line, with what it printed."""

    code: int
    out: str
    err: str


class Builds(NamedTuple):
    """Builds of the same files: without a cluster at the address, with a file too many that is missing, and whole."""

    files: list[str]
    unreached: Ran
    missing: Ran
    whole: Ran


@pytest.fixture(scope="module")
def builds(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Builds:
    folder = tmp_path_factory.mktemp("ray")
    files = []
    for part in range(3):
        texts = ["word " * (600 if part == 2 else 5)] * (4000 if part == 2 else 60)  # one of them in many blocks
        rows = [
            chat(question(n), text, domain="ab"[n % 2], rating=n % 5 + 1) for n, text in enumerate(texts, part * 40)
        ]
        files.append(str(write(folder / f"{part}.jsonl", [*rows, {"bad": part}])))
    build_there = ["dataset", "build", "there", "--tokens-of", "gpt-4.1-mini", "--json", *files, "--ray"]
    commands = [
        [*build_there, "127.0.0.1:1"],
        [*build_there, cluster.address, str(folder / "none.jsonl")],
        [*build_there, cluster.address],
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        env={**os.environ, "FINE_TUNING_HOME": str(folder / "workspace")},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    out, err = (re.split(r"ended with (\d+)\n", each) for each in (done.stdout, done.stderr))
    return Builds(files, *map(Ran._make, zip(map(int, out[1::2]), out[:-1:2], err[:-1:2], strict=True)))


def test_build_on_ray_writes_the_same_bytes_as_locally(builds: Builds) -> None:
    here = build("here", builds.files, tokens_of="gpt-4.1-mini")
    assert builds.whole.code == 0, builds.whole.err
    there = json.loads(builds.whole.out)
    assert there["hash"] == here["hash"]
    assert there["counts"] == here["counts"]
    assert there["findings"] == here["findings"]


def test_build_on_ray_missing_file_prints_one_line(builds: Builds) -> None:
    assert builds.missing.code == 1
    assert "no such file" in builds.missing.err
    assert "Traceback" not in builds.missing.err


def test_build_on_ray_without_cluster_prints_one_line(builds: Builds) -> None:
    assert builds.unreached.code == 1
    assert "no Ray cluster at 127.0.0.1:1" in builds.unreached.err
    assert "Traceback" not in builds.unreached.err
