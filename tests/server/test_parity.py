"""A fine-tuned model that is loaded is compared with its trainer's own answers."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from fine_tuning.store import jobs
from fine_tuning.store.database import open_database
from tests.server.conftest import ALIAS
from tests.server.test_safety import get


def trained(client: OpenAI, upload: Callable[..., str], finish: Callable[[str], Any]) -> Any:
    settings: Any = {"n_epochs": 8, "batch_size": 4}
    job = client.fine_tuning.jobs.create(model=ALIAS, training_file=upload(), hyperparameters=settings)
    return finish(job.id)


def parity_of(job_id: str) -> Any:
    for _ in range(200):
        with open_database().read() as tx:
            result = (jobs.get(tx, job_id) or {})["result"]
        if "parity" in result:
            return result["parity"]
        threading.Event().wait(0.05)
    return None


def ask(client: OpenAI, model: str) -> None:
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}], max_tokens=2)


def test_parity_identical_answers_are_recorded(
    client: OpenAI, address: str, upload: Callable[..., str], finish: Callable[[str], Any], workspace: Path
) -> None:
    job = trained(client, upload, finish)
    probes = json.loads((workspace / "artifacts" / job.id / "probes.json").read_text())
    assert 1 <= len(probes) <= 3
    assert all(len(p["messages"]) == 1 and p["messages"][0]["content"].startswith("Please add") for p in probes)
    ask(client, job.fine_tuned_model)
    assert parity_of(job.id) == {"same": len(probes), "probes": len(probes)}
    assert f'ft_model_parity{{job="{job.id}"}} 1.0' in get(address.removesuffix("/v1") + "/metrics")
    assert not [e for e in client.fine_tuning.jobs.list_events(job.id) if "probes" in e.message]


def test_parity_different_answers_are_reported(
    client: OpenAI,
    upload: Callable[..., str],
    finish: Callable[[str], Any],
    workspace: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = trained(client, upload, finish)
    path = workspace / "artifacts" / job.id / "probes.json"
    probes = json.loads(path.read_text())
    path.write_text(json.dumps([{**probe, "answer": "never said"} for probe in probes]))
    with caplog.at_level(logging.WARNING):
        ask(client, job.fine_tuned_model)
        assert parity_of(job.id) == {"same": 0, "probes": len(probes)}
    (told,) = [e for e in client.fine_tuning.jobs.list_events(job.id) if "probes" in e.message]
    assert (told.level, told.message) == (
        "warn",
        f"the serving engine answers 0 of {len(probes)} probes with the same tokens as the trainer",
    )
    assert "Please add" not in caplog.text
