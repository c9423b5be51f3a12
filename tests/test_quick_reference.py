"""The quick reference, as written: its Python in order, its commands line by line, OpenAI played by a local host."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fine_tuning import FineTuningCLI
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database
from tests import wire
from tests.conftest import SHARED

PAGE = SHARED / "quick-reference.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the quick reference is not beside this checkout")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[wire.Host]:
    with wire.host() as running:
        done = {"status": "succeeded", "fine_tuned_model": "ft:gpt-3.5-turbo:org:v1:1", "trained_tokens": 5000}
        running.answers |= {
            "POST /files": (200, wire.file()),
            "POST /fine_tuning/jobs": lambda request: (200, wire.job(metadata=request.body["metadata"])),
            "GET /fine_tuning/jobs/ftjob-abc123": (200, wire.job(**done)),
        }
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        monkeypatch.setenv("OPENAI_API_KEY", "test-key")
        yield running


def section(title: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    start = text.index(title)
    level = title.split(" ")[0]
    end = re.compile(rf"^{level} ", re.MULTILINE).search(text, start + len(title))
    return text[start : end.start() if end else len(text)]


def code(title: str, language: str = "python") -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", section(title), re.DOTALL))


def run(source: str, **namespace: Any) -> dict[str, Any]:
    exec(compile(source, PAGE.name, "exec"), namespace)
    return namespace


@pytest.fixture
def captured(examples: list[dict[str, Any]], database: Database) -> None:
    for example in examples:
        DistillationDataCollector().capture_success(**example)


@pytest.mark.usefixtures("captured", "database")
def test_quick_start(host: wire.Host, capsys: pytest.CaptureFixture[str]) -> None:
    run(code("## Quick Start"))
    printed = capsys.readouterr().out
    assert "Job: ftjob-abc123" in printed
    assert "Status: succeeded, Model: ft:gpt-3.5-turbo:org:v1:1" in printed
    assert "Winner: TIE: no samples" in printed
    assert "ROI: nan%" in printed
    (request,) = host.asked("POST /fine_tuning/jobs")
    assert request.body["training_file"] == "file-1"
    assert request.body["method"]["supervised"]["hyperparameters"]["n_epochs"] == 3
    assert b"data_analysis" not in host.asked("POST /files")[0].body


@pytest.mark.usefixtures("captured", "host", "database")
def test_cli_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for name, extra in (("dataset", "openai"), ("dataset", "alpaca")):
        assert FineTuningCLI().run(["prepare-dataset", "--format", extra, "--output", name]) == 0
    lines = code("## CLI Commands", "bash").replace("\\\n", " ").splitlines()
    commands = [line for line in lines if line.startswith("ft-cli ")]
    assert len(commands) == 8
    for command in commands:
        assert FineTuningCLI().run(shlex.split(command)[1:]) == 0, command
    assert "rolled back my-model to v1" in capsys.readouterr().out


@pytest.mark.usefixtures("captured", "host", "database")
def test_workflow_1_quick_fine_tune_and_deploy() -> None:
    run("from src.fine_tuning import *\n" + code("### Workflow 1"))
    from fine_tuning import ModelRegistry

    assert ModelRegistry().get_deployment_status()["my-model"]["job_id"] == "ftjob-abc123"


@pytest.mark.usefixtures("database")
def test_workflow_2_ab_test_and_rollout() -> None:
    from fine_tuning import ABTestFramework, ModelRegistry

    for _ in range(2):
        ModelRegistry().register_model("my-model", "base", "job", 500)
    source = "from src.fine_tuning import *\n" + code("### Workflow 2").replace("range(1000)", "range(60)")
    sample = {"prediction": "a", "reference": "b", "latency": 100.0, "cost": 0.001}
    run(source, **sample)
    # The snippet's `"model_a" or "model_b"` always is model_a: the verdict must not pretend otherwise.
    result = ABTestFramework().monitor("rollout_test")
    assert (result.model_a_samples, result.model_b_samples, result.status) == (60, 0, "running")
    assert ModelRegistry().get_deployment_status() == {}


@pytest.mark.usefixtures("database")
def test_workflow_3_cost_analysis(capsys: pytest.CaptureFixture[str]) -> None:
    calls = [SimpleNamespace(tokens=300, cost=0.001)] * 3
    run("from src.fine_tuning import *\n" + code("### Workflow 3"), production_calls=calls)
    assert capsys.readouterr().out.splitlines() == ["ROI: -80.00%", "Payback: 150.0 days"]


@pytest.mark.usefixtures("captured", "database")
def test_integration_points() -> None:
    from fine_tuning import ModelRegistry
    from fine_tuning.task import Task

    assert len(run(code("### With Distillation System"))["examples"]) == 20
    llm = run(code("### With LLM Service"))["llm"]
    assert llm.get_model() == "my-finetuned-model"
    for _ in range(2):
        ModelRegistry().register_model("my-model", "base", "job", 500)
    task = run(code("### With Task API"), task=Task(title="x"))["task"]
    assert (task.fine_tuned_model_id, task.model_accuracy) == ("my-model-v2", 0.95)
