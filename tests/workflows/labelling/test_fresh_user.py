"""A fresh user's path, without a key: a log without answers, labels, a bake-off, a version, a route that it answers."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("sklearn", reason="the extra `candidates` is not installed")
from fine_tuning.server.app import make_app
from fine_tuning.server.server_config import ServerConfig
from tests.gateway.conftest import running
from tests.workflows.labelling.conftest import Teacher
from tests.workflows.test_bakeoff import SAID, intent_of


def test_log_without_answers_becomes_a_route_to_an_own_model(
    cli: Any, teacher: Teacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("FINE_TUNING_PRICES")
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "0.1")
    monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps({"big": {"input": 2.0, "output": 8.0}}))
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({"teacher": teacher.host.url.removesuffix("/v1")}))
    teacher.answer = lambda question, _: intent_of(question)
    rng, log, labels = random.Random(5), tmp_path / "log.jsonl", tmp_path / "labels.jsonl"
    forms = [form for forms in SAID.values() for form in forms]
    texts = [rng.choice(forms).format(f"order {20_000 + 11 * at}") for at in range(320)]
    log.write_text("\n".join(json.dumps({"messages": [{"role": "user", "content": text}]}) for text in texts))

    choices = [part for name in SAID for part in ("--choice", name)]
    code, out, err = cli("label", str(log), "--teacher", "big", *choices, "--output", str(labels), "--json")
    assert (code, json.loads(out)["labelled"]) == (0, 320), err
    code, out, err = cli("bakeoff", str(labels), "--incumbent", "big", "--margin", "0.06", "--register", "triage")
    assert code == 0, err
    assert "scores are agreement with it" in " ".join(out.split()), "the teacher's answers are its own"
    assert "registered triage v1" in out
    assert cli("deploy", "triage", "1")[0] == 0
    assert (
        cli("route", "set", "support", "teacher/big", "--candidate", "local/triage", "--option", "shadow.share=1")[0]
        == 0
    )
    code, _, err = cli("route", "promote", "support")
    assert code == 0, err

    asked = len(teacher.host.requests)
    config = ServerConfig()
    api = make_app(config)
    with running(api, config, api.state.context.bodies, api.state.context.rates) as gateway:
        for text in ("refund order 5 please", "has order 12 been sent", "the lid of order 5 is cracked"):
            body = {"model": "support", "messages": [{"role": "user", "content": text}]}
            reply = httpx2.post(f"{gateway.address}/v1/chat/completions", json=body)
            assert reply.status_code == 200, reply.text
            assert reply.json()["choices"][0]["message"]["content"] == intent_of(text)
            assert reply.headers["x-ft-target"].startswith("local/triage")
    assert len(teacher.host.requests) == asked, "the teacher is asked no more"
