"""Candidates that a bake-off registered, of every kind, answer routes in shadow, in a canary and behind its ramp."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("sklearn", reason="the extra `candidates` is not installed")
from fine_tuning import ABTestFramework
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.remembered import READ_SECONDS
from fine_tuning.server import spool_worker
from fine_tuning.server.app import make_app
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import gateway_calls
from fine_tuning.store.database import open_database
from fine_tuning.store.records.gateway_calls import GatewayCall
from tests import wire
from tests.gateway.conftest import Gateway, running
from tests.gateway.test_route_candidates import agreed, current, history
from tests.gateway.test_routes import BY_ME, save
from tests.waiting import wait_until
from tests.workflows.test_bakeoff import SAID, intent_of, tickets

QUESTIONS = [form.format(f"order {number}") for number in range(500, 520) for forms in SAID.values() for form in forms]


@pytest.fixture
def vendor(host: wire.Host, monkeypatch: pytest.MonkeyPatch) -> wire.Host:
    """Answers rightly as `gpt-4o`, and as `small`, which repeats the last answer that it was shown."""

    def answer(request: wire.Request) -> Any:
        *before, last = request.body["messages"]
        shown = [each["content"] for each in before if each["role"] == "assistant"]
        is_small = request.body["model"] == "small"
        said = (shown or ["?"])[-1] if is_small else intent_of(last["content"])
        return 200, wire.completion(said, request.body["model"])

    host.answers["POST /chat/completions"] = answer
    prices = {"gpt-4o": {"input": 2.0, "output": 8.0}, "small": {"input": 0.1, "output": 0.4}}
    monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps(prices))
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "0.1")
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({"openai": host.url.removesuffix("/v1")}))
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    return host


@contextmanager
def serving(config: ServerConfig) -> Iterator[Gateway]:
    """The gateway before the server, and the process that stores its calls, in a thread."""
    api, stop = make_app(config), threading.Event()
    worker = threading.Thread(target=spool_worker.run, args=(os.getppid(), stop))
    with running(api, config, api.state.context.bodies, api.state.context.rates) as gateway:
        worker.start()
        try:
            yield gateway
        finally:
            stop.set()
            worker.join()


def ask(gateway: Gateway, question: str, unit: str = "u") -> tuple[str, str, str]:
    """Answer, target and call id."""
    asked = {"model": "triage", "messages": [{"role": "user", "content": question}], "temperature": 0}
    reply = httpx2.post(f"{gateway.address}/openai/v1/chat/completions", json=asked, headers={"x-ft-unit": unit})
    assert reply.status_code == 200, reply.text
    said = reply.json()["choices"][0]["message"]["content"]
    return said, reply.headers["x-ft-target"], reply.headers["x-ft-call-id"]


def stored() -> list[GatewayCall]:
    with open_database().read() as tx:
        return gateway_calls.newest(tx, limit=5000)


def test_head_goes_from_shadow_to_all_calls(cli: Any, tmp_path: Path, vendor: wire.Host) -> None:
    file = tickets(tmp_path / "calls.jsonl", 400)
    code, out, err = cli("bakeoff", str(file), "--incumbent", "gpt-4o", "--margin", "0.05", "--register", "triage")
    assert code == 0, err
    assert "head: TF-IDF" in out
    cli("deploy", "triage", "1")
    save(candidate="local/triage", shadow={})
    with serving(ServerConfig()) as gateway:
        assert all(ask(gateway, each)[:2] == (intent_of(each), "openai/gpt-4o") for each in QUESTIONS[:12])
        wait_until(lambda: agreed()["pairs"] == 12)
        assert agreed()["rate"] == 1.0
        ABTestFramework().create_test("canary", "openai/gpt-4o", "local/triage", margin=0.3)
        ramp = {"ramp": [0.5, 1.0], "ramp_samples": 20, "guardrails": {"error_rate": 0.05}}
        save(candidate="local/triage", canary="canary", outcome="right", **ramp)
        cli("import-model", "triage", _exported(cli, tmp_path))
        cli("deploy", "triage", "2")  # while the test is about the first one
        time.sleep(READ_SECONDS)  # until the routes are read again
        targets = set()
        for number, question in enumerate(QUESTIONS[12:120]):
            said, target, call_id = ask(gateway, question, f"unit {number}")
            right = {"call_id": call_id, "metrics": {"right": float(said == intent_of(question))}}
            httpx2.post(f"{gateway.address}/v1/feedback", json=right).raise_for_status()
            targets.add(target)
        assert targets == {"openai/gpt-4o", "local/triage-v1"}
        wait_until(lambda: current()["share"] == 1)
        assert "not worse by more than 0.3" in history()[-1]["reason"]
        time.sleep(READ_SECONDS)
        asked = len(vendor.requests)
        found = {ask(gateway, each, each)[:2] for each in QUESTIONS[:30]}
        assert found == {(intent, "local/triage-v1") for intent in SAID}
        assert len(vendor.requests) == asked
    assert {each["status"] for each in stored()} == {200}


def _exported(cli: Any, folder: Path) -> str:
    assert cli("export", "triage", "--to", "safetensors", "--output", str(folder / "out"))[0] == 0
    return str(folder / "out")


@pytest.mark.parametrize("winner", ["few-shot: small", "cascade over head"])
def test_prompt_and_cascade_answer_in_shadow_and_alone(
    cli: Any, tmp_path: Path, vendor: wire.Host, winner: str
) -> None:
    more, margin = ["--model", "small", "--few-shot", "small", "--no-heads"], "0.2"
    file = tickets(tmp_path / "calls.jsonl", 240, "gpt-4o")
    if winner.startswith("cascade"):
        more, margin = [], "0.12"
        _with_riddles(file, vendor)
    command = ["bakeoff", str(file), "--incumbent", "gpt-4o", "--margin", margin, "--register", "triage", "--json"]
    code, out, err = cli(*command, *more)
    assert code == 0, err
    assert json.loads(out)["winner"].startswith(winner)
    save(candidate="local/triage-v1", shadow={})
    with serving(ServerConfig()) as gateway:
        for each in QUESTIONS[:6]:
            ask(gateway, each)
        wait_until(lambda: agreed()["pairs"] == 6)
        assert agreed()["rate"] == 1.0
        route_changes.promote(open_database(), "default", "triage", BY_ME)
        wait_until(lambda: ask(gateway, QUESTIONS[0])[1] == "local/triage-v1")
        assert ask(gateway, QUESTIONS[7])[:2] == (intent_of(QUESTIONS[7]), "local/triage-v1")


def _with_riddles(file: Path, vendor: wire.Host) -> None:
    """Make a quarter of the calls such that only the vendor knows the answer."""
    lines = [json.loads(line) for line in tickets(file, 600, "human").read_text().splitlines()]
    for at, line in enumerate(lines[::4]):
        line["prompt"], line["response"] = f"riddle {at} {line['prompt'][::-1]}", sorted(SAID)[at * 7 % 11 % 3]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    known = {line["prompt"]: line["response"] for line in lines}

    def answer(request: wire.Request) -> Any:
        question = request.body["messages"][-1]["content"]
        return 200, wire.completion(known.get(question) or intent_of(question), request.body["model"])

    vendor.answers["POST /chat/completions"] = answer
