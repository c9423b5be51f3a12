"""The real openai package for Node, from upload to a streamed answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from fine_tuning.training.jobs.worker_pool import Pool
from tests.node import installed
from tests.server.conftest import ALIAS, chats

VERSION = "7"  # of the npm package
SCENARIO = Path(__file__).parent / "scenario.mjs"


@pytest.fixture(scope="session")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = installed(tmp_path_factory.mktemp("node"), f"openai@{VERSION}")
    shutil.copy(SCENARIO, folder / SCENARIO.name)
    return folder


def test_node_sdk_from_upload_to_streamed_answer(node_project: Path, address: str, pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "chats.jsonl").write_bytes(chats(12))
    command = ["node", SCENARIO.name, address, ALIAS, str(tmp_path / "chats.jsonl")]
    process = subprocess.Popen(command, cwd=node_project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        pool.step()
        threading.Event().wait(0.1)
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    told = json.loads(printed)
    assert (told["status"], told["usage"]) == ("succeeded", 6)
    assert told["model"].startswith(f"ft:{ALIAS}:default:node:")
    assert told["whole"] == told["streamed"] == told["stored"]
    assert told["whole"] == told["responded"] == told["streamedResponse"]
    assert all("parsed" in keys for keys in told["helperKeys"])  # which the server has never sent
    assert told["sentBack"][0] == told["sentBack"][1]
    assert told["events"] > 4
    assert told["results"].startswith("step,train_loss,train_accuracy")
    assert told["missing"] == {"name": "NotFoundError", "status": 404, "code": "model_not_found", "param": "model"}
