"""Every example runs: as its docstring says, with small models and files."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import CostTracker, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.gateway import feedback
from fine_tuning.server.app import make_app
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.worker_pool import Pool
from tests import wire
from tests.conftest import PROJECT
from tests.data_io.test_formats import ONE_CALL
from tests.gateway.conftest import running
from tests.gateway.scripted_upstream import answer, upstream
from tests.server.conftest import listening
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.slow  # starts processes

EXAMPLES = PROJECT / "examples"


def run(name: str, *arguments: str, **values: Any) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](*arguments, **values)


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_own_data_runs_to_an_answer(tmp_path: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"prompt": f"Where is order {number}, please?", "response": f"Order {number} is on its way.", "rating": 5}
        for number in range(30)
    ]
    run("own_data", written(tmp_path / "calls.jsonl", rows), base=str(tiny_model_dir))
    assert re.search(r"exact match 0.0% of 6, 95 % interval 0.0% to \d+.\d%", capsys.readouterr().out)
    assert ModelRegistry().get_deployed_version("own-model") is not None


def test_hosted_job_registers_and_deploys_what_the_host_trained(
    host: wire.Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    ended = wire.job(
        status="succeeded", fine_tuned_model="ft:gpt:org::1", trained_tokens=120, finished_at=1_760_000_900
    )
    host.answers["GET /fine_tuning/jobs/ftjob-abc123"] = (200, ended)
    host.answers["GET /fine_tuning/jobs/ftjob-abc123/events"] = (200, {"object": "list", "data": [], "has_more": False})
    host.answers["POST /chat/completions"] = lambda request: (
        200,
        wire.completion("On its way.", request.body["model"]),
    )
    rows = [{"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}]}] * 10
    run("hosted_job", written(tmp_path / "rows.jsonl", rows), poll_seconds=0.01)
    assert "On its way." in capsys.readouterr().out
    assert host.asked("POST /chat/completions")[0].body["model"] == "ft:gpt:org::1"
    deployed = ModelRegistry().get_deployed_version("hosted-model")
    assert deployed is not None
    assert deployed["provider"] == host.url


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("own_data", ["nofile"]),
        ("import_from_log", ["nofile"]),
        ("hosted_job", ["nofile"]),
        ("ab_test_in_application", ["a", "b", "nofile"]),
        ("gateway", ["nofile"]),
    ],
)
def test_example_without_its_file_prints_one_line(name: str, arguments: list[str]) -> None:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    environment = os.environ | {"OPENAI_API_KEY": "sk-test"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "nofile" in done.stderr
    assert done.stderr.count("\n") == 1


def test_ab_test_in_application_records_every_answer(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_tiny_model(tmp_path / "other", seed=1)
    rows = [{"prompt": f"Say {number}.", "response": str(number)} for number in range(6)]
    for _ in range(2):  # each run is a test of its own
        run("ab_test_in_application", str(tiny_model_dir), str(other), written(tmp_path / "q.jsonl", rows))
    printed = capsys.readouterr().out
    assert printed.count("after 6 answers") == 2
    assert "recommended: TIE" in printed


def test_gateway_asks_the_vendor_and_tells_what_was_right(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"prompt": f"Where is parcel {number}?", "response": ("On its way.", "?")[number % 2]} for number in range(4)
    ]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-application")
    with upstream() as vendor:
        monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({"openai": vendor.address}))
        vendor.answers(
            answer(json.dumps(wire.completion("On its way.", "gpt-4o")).encode(), b"content-type: application/json")
        )
        with running(make_app(ServerConfig(), open_workspace())) as found:
            run("gateway", written(tmp_path / "questions.jsonl", rows), gateway=found.address)
            assert len(found.stored()) == 4
    feedback.apply_waiting(open_workspace())
    assert "2 of 4 answers were right\nopenai/gpt-4o answered 4\n" in capsys.readouterr().out
    assert sorted(each["rating"] for each in DistillationDataCollector().find_examples(min_rating=1)) == [1, 1, 5, 5]


@pytest.fixture
def address(tiny_model_dir: Path, workspace: Path) -> Iterator[str]:
    with listening(ServerConfig(aliases={"gpt-4o-mini": str(tiny_model_dir)})) as found:
        yield found


def test_server_with_openai_client_trains_and_streams(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    pool, ended = Pool(open_workspace()), threading.Event()

    def work() -> None:
        while not ended.wait(0.1):
            pool.step()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        run("server_with_openai_client", poll_seconds=0.1)
    finally:
        ended.set()
        worker.join()
        pool.shut_down()
    assert "job succeeded" in capsys.readouterr().out


def test_graders_with_openai_client_prints_rewards(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    run("graders_with_openai_client")
    lines = capsys.readouterr().out.splitlines()
    # Of the notes' three words two are equal: 0.7 * 1 + 0.3 * 2/3, then 0.7 * 0 + 0.3 * 1.
    assert [line[:4] for line in lines] == ["0.90", "0.30", "no r"]


def test_import_from_log_builds_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = []
    for number in range(40):
        call = json.loads(json.dumps(ONE_CALL["litellm"]).replace("order 7", f"order {number} of {number * 31 % 17}"))
        calls.append({**call, "id": str(number)})
    run("import_from_log", written(tmp_path / "log.jsonl", calls))
    printed = capsys.readouterr().out
    assert "captured 40" in printed
    assert "train: " in printed
    assert CostTracker().get_cost_summary()["training_jobs"] == 0
