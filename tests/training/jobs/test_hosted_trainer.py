"""Fine-tuning at a host: the real SDK against a server that remembers what it was sent."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import openai
import pytest

from fine_tuning import OpenAIFineTuner
from fine_tuning._util.hosts import Host
from fine_tuning.errors import ConfigurationError, DataError, NotFoundError, ProviderError, UsageError
from fine_tuning.store import jobs
from fine_tuning.store.database import Database, open_database
from tests import wire


@pytest.fixture
def tuner(host: wire.Host) -> OpenAIFineTuner:
    return OpenAIFineTuner(api_key="secret-key", base_url=host.url)


@pytest.fixture
def training_file(workspace: Path) -> str:
    rows = [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}] * 10
    folder = workspace / "datasets"
    folder.mkdir(parents=True)
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "d.jsonl"


def test_upload_finds_a_workspace_file(
    database: Database, host: wire.Host, tuner: OpenAIFineTuner, training_file: str
) -> None:
    assert tuner.upload_training_file(training_file) == "file-1"
    (request,) = host.asked("POST /files")
    assert b'name="purpose"\r\n\r\nfine-tune' in request.body
    assert b'filename="d.jsonl"' in request.body
    assert request.headers["authorization"] == "Bearer secret-key"


def test_create_job_sends_hyperparameters_in_method(
    database: Database, host: wire.Host, tuner: OpenAIFineTuner
) -> None:
    job = tuner.create_fine_tuning_job("gpt-3.5-turbo", "file-1", "file-2", suffix="v1", n_epochs=4)
    assert (job["job_id"], job["status"], job["fine_tuned_model"]) == ("ftjob-abc123", "queued", None)
    assert job["created_at"] == "2025-10-09T08:53:20+00:00"
    (request,) = host.asked("POST /fine_tuning/jobs")
    assert request.body["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 4, "learning_rate_multiplier": 1.0}},
    }
    assert (request.body["suffix"], request.body["validation_file"]) == ("v1", "file-2")
    assert request.headers["idempotency-key"] == request.body["metadata"]["fine_tuning_pipeline_key"]


def test_create_job_after_lost_response_does_not_pay_twice(
    database: Database, host: wire.Host, tuner: OpenAIFineTuner
) -> None:
    sent: list[dict[str, str]] = []

    def lose_the_answer(request: wire.Request) -> tuple[int, dict[str, object]]:
        sent.append(request.body["metadata"])
        return 400, {"error": {"message": "the answer got lost"}}

    host.answers["POST /fine_tuning/jobs"] = lose_the_answer
    with pytest.raises(ProviderError, match="the answer got lost"):
        tuner.create_fine_tuning_job("gpt-3.5-turbo", "file-1")
    host.answers["GET /fine_tuning/jobs"] = lambda _: (
        200,
        {"object": "list", "data": [wire.job(metadata=sent[0])], "has_more": False},
    )
    again = OpenAIFineTuner(api_key="secret-key", base_url=host.url)
    assert again.create_fine_tuning_job("gpt-3.5-turbo", "file-1")["job_id"] == "ftjob-abc123"
    assert len(host.asked("POST /fine_tuning/jobs")) == 1
    with database.read() as tx:
        (recorded,) = jobs.newest(tx, 10)
    assert recorded["provider_job_id"] == "ftjob-abc123"


def test_wait_for_job_follows_a_job(database: Database, host: wire.Host, tuner: OpenAIFineTuner) -> None:
    tuner.create_fine_tuning_job("gpt-3.5-turbo", "file-1")
    host.answers["GET /fine_tuning/jobs/ftjob-abc123"] = (
        200,
        wire.job(status="succeeded", fine_tuned_model="ft:gpt-3.5-turbo:org::1", trained_tokens=900, finished_at=1),
    )
    done = tuner.wait_for_job("ftjob-abc123", poll_seconds=0.01)
    assert (done["fine_tuned_model"], done["trained_tokens"]) == ("ft:gpt-3.5-turbo:org::1", 900)
    with database.read() as tx:
        stored = jobs.get(tx, "ftjob-abc123")
    assert stored is not None
    assert (stored["status"], stored["trained_tokens"]) == ("succeeded", 900)
    assert tuner.cancel_job("ftjob-abc123") is False


def test_jobs_list_cancel_pause_and_delete_call_the_host(
    database: Database, host: wire.Host, tuner: OpenAIFineTuner
) -> None:
    running = wire.job(status="running")
    host.answers |= {
        "GET /fine_tuning/jobs": (200, {"object": "list", "data": [running], "has_more": False}),
        "GET /fine_tuning/jobs/ftjob-abc123": (200, running),
        "POST /fine_tuning/jobs/ftjob-abc123/cancel": (200, wire.job(status="cancelled")),
        "POST /fine_tuning/jobs/ftjob-abc123/pause": (200, wire.job(status="paused")),
        "POST /fine_tuning/jobs/ftjob-abc123/resume": (200, running),
        "DELETE /models/ft:x": (200, {"id": "ft:x", "object": "model", "deleted": True}),
        "GET /fine_tuning/jobs/ftjob-abc123/events": (
            200,
            {
                "object": "list",
                "data": [
                    {"id": "2", "object": "fine_tuning.job.event", "created_at": 2, "level": "info", "message": "b"},
                    {"id": "1", "object": "fine_tuning.job.event", "created_at": 1, "level": "info", "message": "a"},
                ],
                "has_more": False,
            },
        ),
    }
    assert [job["job_id"] for job in tuner.list_jobs(5)] == ["ftjob-abc123"]
    assert [event["message"] for event in tuner.list_events("ftjob-abc123")] == ["a", "b"]
    assert tuner.pause_job("ftjob-abc123")["status"] == "paused"
    assert tuner.resume_job("ftjob-abc123")["status"] == "running"
    assert tuner.cancel_job("ftjob-abc123") is True
    assert tuner.delete_fine_tuned_model("ft:x") is True


def test_host_errors_raise_one_line(
    database: Database, host: wire.Host, tuner: OpenAIFineTuner, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match=r"does not know job ftjob-zzz \(404\)"):
        tuner.get_job_status("ftjob-zzz")
    host.answers["GET /fine_tuning/jobs/ftjob-1"] = (401, {"error": {"message": "bad key secret-key"}})
    with pytest.raises(ConfigurationError, match="refused the API key") as caught:
        tuner.get_job_status("ftjob-1")
    assert "secret-key" not in str(caught.value)
    with pytest.raises(NotFoundError, match=r"no dataset file nowhere\.jsonl, neither in"):
        tuner.upload_training_file("nowhere.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"messages": []}\nnot json\n')
    with pytest.raises(DataError, match=r"bad\.jsonl, line 2: not JSON"):
        tuner.upload_training_file("bad.jsonl")
    with pytest.raises(UsageError, match="n_epochs must be a whole number of 1 or more, not 0"):
        tuner.create_fine_tuning_job("m", "file-1", n_epochs=0)
    with pytest.raises(ProviderError, match="cannot reach http://127.0.0.1:9/v1"):
        OpenAIFineTuner(api_key="k", base_url="http://127.0.0.1:9/v1").get_job_status("x")


def test_client_without_key_names_the_setting() -> None:
    with pytest.raises(ConfigurationError, match="set OPENAI_API_KEY.*LocalFineTuner"):
        OpenAIFineTuner().create_fine_tuning_job("gpt-3.5-turbo", "file-1")
    with open_database().read() as tx:
        assert jobs.newest(tx, 1) == []


def test_estimate_cost_uses_training_prices() -> None:
    estimate = OpenAIFineTuner().estimate_cost(1_000_000, "gpt-3.5-turbo-0125")
    assert (estimate["total_cost"], estimate["input_tokens"], estimate["currency"]) == (8.0, 1_000_000, "USD")
    assert OpenAIFineTuner().estimate_cost(10, "someone-elses")["total_cost"] != 0


def test_client_unreferenced_closes_its_connections(host: wire.Host) -> None:
    client = Host(host.url, "any").client()
    with pytest.raises(openai.NotFoundError):
        client.models.list()
    connections = client._client
    assert not connections.is_closed
    del client
    gc.collect()
    assert connections.is_closed
