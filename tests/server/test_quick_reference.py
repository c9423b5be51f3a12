"""The quick reference's OpenAI half without OpenAI: the same lines, with the base URL of this project's server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fine_tuning import FineTuningCLI, LLMService, ModelRegistry, OpenAIFineTuner
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.training.jobs.worker_pool import Pool
from tests.conftest import PROJECT
from tests.server.conftest import listening
from tests.test_docs import snippets
from tests.test_quick_reference import PAGE, code, run

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the quick reference is not beside this checkout")


@pytest.fixture
def served(
    config: ServerConfig, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, examples: list[dict[str, Any]]
) -> Iterator[str]:
    """The environment of a user who has a server, and captured calls."""
    for example in examples:
        DistillationDataCollector().capture_success(**{**example, "domain": "data_analysis"})
    aliases = {"gpt-3.5-turbo": str(tiny_model_dir)}
    with listening(replace(config, aliases=aliases)) as address:
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        yield address


def wait(pool: Pool, job_id: str) -> Any:
    while (job := OpenAIFineTuner().get_job_status(job_id))["status"] not in {"succeeded", "failed"}:
        pool.step()
        threading.Event().wait(0.1)
    return job


def test_server_guide_snippets_run(
    address: str, pool: Pool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    together = "\n".join(snippets(PROJECT / "docs" / "server.md", "python"))
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.1):
            pool.step()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        job = run(together)["job"]
    finally:
        done.set()
        worker.join()
    assert job.status == "succeeded"
    assert capsys.readouterr().out


@pytest.mark.usefixtures("served")
def test_quick_start_trains_for_real(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    made = run(code("## Quick Start"))
    assert "Status: validating_files, Model: None" in capsys.readouterr().out
    job = wait(pool, made["job"]["job_id"])
    assert job["status"] == "succeeded"
    assert job["fine_tuned_model"].startswith("ft:gpt-3.5-turbo:default:")
    answer = LLMService(model="my-model").complete("How do I find invoices here?", max_tokens=4)
    assert (answer["version"], answer["usage"]["completion_tokens"] <= 4) == (1, True)


@pytest.mark.usefixtures("served")
def test_workflows_1_to_3_run(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    made = run("from src.fine_tuning import *\n" + code("### Workflow 1"))
    assert wait(pool, made["job"]["job_id"])["status"] == "succeeded"
    assert list(ModelRegistry().get_deployment_status()) == ["my-model"]
    sample = {"prediction": "a", "reference": "b", "latency": 100.0, "cost": 0.001}
    run("from src.fine_tuning import *\n" + code("### Workflow 2").replace("range(1000)", "range(20)"), **sample)
    calls = [SimpleNamespace(tokens=300, cost=0.001)] * 3
    run("from src.fine_tuning import *\n" + code("### Workflow 3"), production_calls=calls)
    assert "ROI: " in capsys.readouterr().out


@pytest.mark.usefixtures("served")
def test_cli_creates_follows_and_cancels_a_job(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    run("from src.fine_tuning import *\n" + code("### Workflow 1"))
    assert FineTuningCLI().run(["create-openai-job", "gpt-3.5-turbo", "dataset.jsonl", "--suffix", "v1"]) == 0
    job_id = capsys.readouterr().out.split()[1]
    assert FineTuningCLI().run(["check-job-status", job_id]) == 0
    assert FineTuningCLI().run(["jobs", "events", job_id]) == 0
    assert FineTuningCLI().run(["jobs", "list", "--hosted"]) == 0
    assert FineTuningCLI().run(["jobs", "cancel", job_id]) == 0
    assert "cancelled" in capsys.readouterr().out
