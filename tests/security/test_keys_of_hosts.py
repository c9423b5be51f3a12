"""OPENAI_API_KEY goes to the hosts that its owner named, and to none that a row or a file names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from fine_tuning import LLMService
from fine_tuning._util.hosts import find_host, is_known
from fine_tuning.errors import ConfigurationError, FineTuningError
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.settings import get_settings
from fine_tuning.store import jobs, model_versions, relocations, tables
from fine_tuning.store.database import Database
from fine_tuning.store.records.jobs import NewJob
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows import fine_tuners
from fine_tuning.workflows.relocation import Plan, relocate
from fine_tuning.workflows.relocation.replaced_version import relocation_request
from tests.security.lying_host import LyingHost, as_json, lying_host

KEY = "sk-of-the-owner"


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingHost]:
    """A host by another name of the loopback address than the settings have."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with lying_host() as host:
        host.url = host.url.replace("127.0.0.1", "127.1")
        host.replies["/models"] = lambda _: as_json({"object": "list", "data": []})
        yield host


def refused(host: LyingHost) -> bool:
    """Whether the host was asked, and never with the key."""
    return bool(host.asked) and KEY not in json.dumps(host.asked)


def test_host_of_a_registered_version_gets_no_key(workspace: Path, stranger: LyingHost) -> None:
    registry = ModelRegistry()
    registry.register_model("m", "b", "j", 1, provider=stranger.url, provider_model="x")
    with pytest.raises(FineTuningError):
        LLMService(model="m-v1").complete("Hi")
    assert refused(stranger)
    stranger.asked.clear()
    registry.refresh_shutdown_dates()
    assert refused(stranger)


def job_at(url: str) -> NewJob:
    return {
        "id": "ftjob-1",
        "provider": url,
        "provider_job_id": "ftjob-1",
        "idempotency_key": "k",
        "model": "m",
        "training_file_id": "file-1",
        "hyperparameters": {},
        "status": "running",
    }


def test_host_of_a_stored_job_gets_no_key(database: Database, stranger: LyingHost) -> None:
    with database.write() as tx:
        jobs.add(tx, job_at(stranger.url))
    with pytest.raises(FineTuningError):
        fine_tuners.of_job(open_workspace(), "ftjob-1").get_job_status("ftjob-1")
    assert refused(stranger)


def test_key_of_a_call_goes_to_no_host_of_a_registered_version(workspace: Path, stranger: LyingHost) -> None:
    ModelRegistry().register_model("m", "b", "j", 1, provider=stranger.url, provider_model="x")
    with pytest.raises(FineTuningError):
        LLMService(model="m-v1", api_key=KEY).complete("Hi")
    assert refused(stranger)
    with pytest.raises(FineTuningError):
        LLMService(model="m-v1", api_key=KEY, base_url=stranger.url).complete("Hi")
    assert KEY in json.dumps(stranger.asked)


@pytest.mark.parametrize("known", ["api.openai.com", "localhost", "127.0.0.1:1"])
@pytest.mark.parametrize("mark", ["?", "#"])
def test_address_that_only_looks_like_a_known_host_gets_no_key(
    database: Database, stranger: LyingHost, mark: str, known: str
) -> None:
    forged = stranger.url.removesuffix("/v1") + f"{mark}@{known}/v1"
    version = ModelRegistry().register_model("m", "b", "j", 1, provider=stranger.url, provider_model="x")
    with database.write() as tx:
        tx.execute(update(tables.model_versions).values(provider=forged))
    for call in (lambda: LLMService(model="m-v1").complete("Hi"), lambda: ModelRegistry().refresh_shutdown_dates()):
        with pytest.raises(ConfigurationError, match="is not the address of a host"):
            call()
    assert stranger.asked == []
    assert version["provider"] == stranger.url


def test_host_that_the_caller_names_gets_the_key(
    workspace: Path, stranger: LyingHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FineTuningError):
        LLMService(model="x", base_url=stranger.url).complete("Hi")
    assert KEY in json.dumps(stranger.asked)
    stranger.asked.clear()
    monkeypatch.setenv("OPENAI_BASE_URL", stranger.url)
    ModelRegistry().refresh_shutdown_dates()
    assert KEY in json.dumps(stranger.asked)


def test_resumed_relocation_sends_the_key_to_the_host_that_is_named(
    workspace: Path, database: Database, stranger: LyingHost, tmp_path: Path
) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"{n}"}, {"role": "assistant", "content": "a"}]} for n in range(30)
    ]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ModelRegistry().register_model("m", "b", "ftjob-0", 1, provider=stranger.url, provider_model="x")
    with lying_host() as named:
        plan = Plan("m-v1", "gpt-4o-mini", provider=named.url, test_file=data)
        with database.write() as tx:
            old = model_versions.get(tx, "m", 1)
            assert old is not None
            made = relocations.start_or_resume(tx, relocation_request(plan, named.url, old))
            tx.execute(update(tables.relocations).values(provider=stranger.url))
            files = {"train": str(data), "test": str(data), "held_out": False}
            for step, result in (("data", files), ("file", "file-1"), ("job", "ftjob-1")):
                relocations.record_step(tx, made["id"], step, result)
            jobs.add(tx, job_at(stranger.url))
        with pytest.raises(FineTuningError):
            relocate(plan, workspace=open_workspace())
        assert KEY in json.dumps(named.asked)
    assert refused(stranger)  # it is only asked what its own model answers


@pytest.mark.parametrize("status", [401, 403])
def test_host_that_wants_a_key_is_named_in_one_line(workspace: Path, stranger: LyingHost, status: int) -> None:
    stranger.replies["/chat/completions"] = lambda _: as_json({"error": {"message": "no"}}, status)
    ModelRegistry().register_model("m", "b", "j", 1, provider=stranger.url, provider_model="x")
    with pytest.raises(ConfigurationError, match=f"set OPENAI_API_KEY and OPENAI_BASE_URL={stranger.url}"):
        LLMService(model="m-v1").complete("Hi")


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("http://api.openai.com/v1", False),
        ("https://api.openai.com.evil.example/v1", False),
        ("https://api.openai.com@evil.example/v1", False),
        ("https://api.openai.com/@evil.example/v1", True),
        ("https://a@b@api.openai.com@evil.example/v1", False),
        ("https://notapi.openai.com/v1", False),
        ("https://mine.example/v2", True),
        ("http://mine.example/v1", False),
        ("https://mine.example:444/v1", False),
        ("http://localhost:9/v1", True),
        ("http://[::1]:9/v1", True),
        ("http://127.0.0.1.evil.example/v1", False),
    ],
)
def test_known_hosts_are_those_of_the_settings(url: str, known: bool) -> None:
    settings = get_settings().model_copy(update={"openai_base_url": "https://mine.example/v1"})
    assert is_known(settings, url) is known


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\@api.openai.com/v1",
        "https://api.openai.com /v1",
        "http://a\nb",
        "https://evil.example?@api.openai.com/v1",
    ],
)
def test_address_that_readers_take_differently_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not the address of a host"):
        find_host(get_settings(), url)
