"""The same plan on a real Ray cluster of two nodes gives the same dataset."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra `distributed` is not installed")
from tests.datasets.test_building import build, chat, question, write


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster with a head and another node, each with a core of its own."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made.address
    made.shutdown()


def test_build_on_ray_writes_the_same_bytes_as_locally(cluster: str, tmp_path: Path) -> None:
    files = []
    for part in range(3):
        texts = ["word " * (600 if part == 2 else 5)] * (4000 if part == 2 else 60)  # one of them in many blocks
        rows = [
            chat(question(n), text, domain="ab"[n % 2], rating=n % 5 + 1) for n, text in enumerate(texts, part * 40)
        ]
        files.append(str(write(tmp_path / f"{part}.jsonl", [*rows, {"bad": part}])))
    here = build("here", files, tokens_of="gpt-4.1-mini")
    command = [sys.executable, "-m", "fine_tuning.cli", "dataset", "build", "there", *files]
    options = ["--tokens-of", "gpt-4.1-mini", "--ray", cluster, "--json"]
    done = subprocess.run([*command, *options], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    there = json.loads(done.stdout)
    assert there["hash"] == here["hash"]
    assert there["counts"] == here["counts"]
    assert there["findings"] == here["findings"]


def test_build_on_ray_missing_file_prints_one_line(cluster: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fine_tuning.cli", "dataset", "build", "none", str(tmp_path / "none.jsonl")]
    done = subprocess.run([*command, "--ray", cluster], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "no such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_build_on_ray_without_cluster_prints_one_line(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", [chat(question(1))])
    command = [sys.executable, "-m", "fine_tuning.cli", "dataset", "build", "none", str(file)]
    done = subprocess.run([*command, "--ray", "127.0.0.1:1"], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "no Ray cluster at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
