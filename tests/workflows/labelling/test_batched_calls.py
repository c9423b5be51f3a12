"""Labels in batches: half the price, found again after a kill, and never made twice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.workspace import open_workspace
from tests import wire
from tests.workflows.labelling.conftest import Teacher


@dataclass
class BatchHost:
    """Files and batches; a batch has ended when it is looked at for the second time."""

    host: wire.Host
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: str = "completed"

    def upload(self, request: wire.Request) -> Any:
        lines = [json.loads(line) for line in re.findall(rb"^\{.*\}\r?$", request.body, re.MULTILINE)]
        name = f"file-{len(self.files)}"
        self.files[name] = lines
        return 200, wire.file(id=name, purpose="batch")

    def create(self, request: wire.Request) -> Any:
        name = f"batch_{len(self.batches)}"
        batch = {
            "id": name,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "created_at": 1,
            "input_file_id": request.body["input_file_id"],
            "metadata": request.body["metadata"],
            "status": "in_progress",
        }
        self.batches[name] = batch
        self.host.answers[f"GET /batches/{name}"] = self.look
        return 200, batch

    def look(self, request: wire.Request) -> Any:
        batch = self.batches[request.path.rpartition("/")[2]]
        if len(self.host.asked(f"GET {request.path}")) > 1:
            output = f"out-{batch['id']}"
            asked = self.files[batch["input_file_id"]]
            self.host.answers[f"GET /files/{output}/content"] = (200, [self.line(each) for each in asked])
            batch |= {"status": self.status, "output_file_id": output if self.status == "completed" else None}
            batch["request_counts"] = {"total": len(asked), "completed": len(asked), "failed": 0}
        return 200, batch

    def line(self, asked: dict[str, Any]) -> dict[str, Any]:
        question = asked["body"]["messages"][-1]["content"]
        if "odd" in question:
            response = {"status_code": 400, "body": {"error": {"message": "no such thing"}}}
        else:
            response = {"status_code": 200, "body": wire.completion(question.upper(), "gpt-4o-mini")}
        return {"id": "r", "custom_id": asked["custom_id"], "response": response, "error": None}


@pytest.fixture
def batch_host(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> BatchHost:
    found = BatchHost(teacher.host)
    address = teacher.host.url.partition("://")[2]
    monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps({f"{address}/*": {"provider": "openai"}}))
    teacher.host.answers["POST /files"] = found.upload
    teacher.host.answers["POST /batches"] = found.create
    teacher.host.answers["GET /batches"] = lambda _: (
        200,
        {"object": "list", "data": list(found.batches.values()), "has_more": False},
    )
    return found


def label(cli: Any, file: Path, *more: str) -> tuple[int, dict[str, Any]]:
    code, out, err = cli("label", str(file), "--teacher", "gpt-4o-mini", "--batch", "--json", *more)
    assert "Traceback" not in err
    return code, json.loads(out) if out else {"error": err}


def test_batch_costs_half_and_is_bought_once(cli: Any, batch_host: BatchHost, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("first\nsecond\nodd one\n")
    code, found = label(cli, tmp_path / "p.txt")
    assert code == 1
    assert (found["labelled"], found["kept"], found["failed"]) == (2, 0, {"no such thing": 1})
    assert found["spent"] == pytest.approx(2 * (5 * 0.15 + 3 * 0.6) / 1e6 / 2)
    assert {each["response"] for each in DistillationDataCollector().find_examples()} == {"FIRST", "SECOND"}
    code, found = label(cli, tmp_path / "p.txt")
    assert (found["labelled"], found["kept"], found["failed"]) == (2, 2, {"no such thing": 1})
    assert [len(each) for each in batch_host.files.values()] == [3, 1]


def test_batch_of_a_killed_run_is_taken_up(cli: Any, batch_host: BatchHost, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("first\nsecond\n")
    made = batch_host.create

    def lost(request: wire.Request) -> Any:  # it is made, and the answer is lost
        made(request)
        return 504, {"error": {"message": "timed out"}}

    batch_host.host.answers["POST /batches"] = lost
    assert label(cli, tmp_path / "p.txt")[0] == 1
    batch_host.host.answers["POST /batches"] = made
    code, found = label(cli, tmp_path / "p.txt")
    assert (code, found["labelled"]) == (0, 2)
    assert len(batch_host.batches) == 1


def test_batch_that_was_never_made_is_made(cli: Any, batch_host: BatchHost, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("first\nsecond\n")
    batch_host.host.answers["POST /batches"] = (504, {"error": {"message": "timed out"}})
    assert label(cli, tmp_path / "p.txt")[0] == 1
    batch_host.host.answers["POST /batches"] = batch_host.create
    code, found = label(cli, tmp_path / "p.txt")
    assert (code, found["labelled"], len(batch_host.batches)) == (0, 2, 1)


def test_failed_batch_is_said_and_may_be_made_again(cli: Any, batch_host: BatchHost, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("first\n")
    batch_host.status = "failed"
    code, found = label(cli, tmp_path / "p.txt")
    assert (code, [*found["failed"].values()]) == (1, [1])
    assert "its batch batch_0 has failed" in next(iter(found["failed"]))
    batch_host.status = "completed"
    assert label(cli, tmp_path / "p.txt")[1]["labelled"] == 1


def test_budget_bounds_a_batch(cli: Any, batch_host: BatchHost, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("\n".join(f"question {at}" for at in range(30)))
    budget = 10 * (200 * 0.15 + 100 * 0.6) / 1e6 / 2  # a call is taken to have about 200 tokens at most
    code, found = label(cli, tmp_path / "p.txt", "--budget", str(budget), "--max-tokens", "100")
    assert code == 1
    assert 8 < found["labelled"] < 13
    assert found["not_asked"] == 30 - found["labelled"]
    assert found["spent"] <= budget


def test_host_without_batches_and_local_models_are_told(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("first\n")
    teacher.host.answers["POST /files"] = (404, {"error": {"message": "what?"}})
    code, _, err = cli("label", str(tmp_path / "p.txt"), "--teacher", "big", "--batch")
    assert (code, "has no batches: leave out --batch" in err) == (1, True)
    code, out, err = cli("label", str(tmp_path / "p.txt"), "--teacher", "big", "--json")
    assert (code, json.loads(out)["labelled"]) == (0, 1), err
    assert open_workspace().database.exists()
