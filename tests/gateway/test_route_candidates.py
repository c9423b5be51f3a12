"""Candidates of routes: in shadow, in a canary whose share a verdict raises, and returned by guardrails."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from fine_tuning import ABTestFramework
from fine_tuning.errors import ConflictError
from fine_tuning.experiments.recommendation import recommend
from fine_tuning.gateway import feedback, recorder, route_changes
from fine_tuning.gateway.agreement import Agreement, agreement
from fine_tuning.gateway.exchanges import is_in_sample
from fine_tuning.gateway.recorder import SPOOL, Recorder
from fine_tuning.gateway.remembered import READ_SECONDS
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.route_table import KnownRoute, RouteTable
from fine_tuning.gateway.route_watch import watch
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.server import spool_worker
from fine_tuning.settings import get_settings
from fine_tuning.store import gateway_calls, routes, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.records.routes import Route, RouteRevision
from fine_tuning.store.workspace import open_workspace
from tests.gateway.conftest import Gateway, running
from tests.gateway.scripted_upstream import Upstream, answer
from tests.gateway.test_feedback import said_of
from tests.gateway.test_pass_through import ask, request
from tests.gateway.test_recording import CHAT, JSON, exchange, kept
from tests.gateway.test_route_calls import CHATS, WHOLE, body
from tests.gateway.test_routes import BASE, BY_ME, save
from tests.waiting import wait_until

IN_FORM = {"says": "{}", "response_format": {"type": "json_object"}}
RAMP: dict[str, Any] = {"candidate": BASE, "canary": "t", "ramp": [0.1, 0.5, 1.0], "ramp_samples": 20}


def known() -> KnownRoute:
    return asyncio.run(RouteTable(open_database()).of("default"))["triage"]


def current() -> Route:
    with open_database().read() as tx:
        return route_changes.find(tx, "default", "triage")


def history() -> list[RouteRevision]:
    with open_database().read() as tx:
        return routes.history(tx, "default", "triage")


def agreed() -> Agreement:
    with open_database().read() as tx:
        return agreement(tx, "default", "triage")


def spooled() -> str:
    return "".join(path.read_text() for path in get_settings().folder(SPOOL).glob("*"))


def chat(text: str) -> bytes:
    choice = {**CHAT["choices"][0], "message": {"role": "assistant", "content": text}}  # type: ignore[index]
    return json.dumps({**CHAT, "choices": [choice]}).encode()


def record(folder: Path, calls: Sequence[dict[str, Any]], begin: int = 0) -> None:
    """Store calls of the route's present revision."""
    route, spool = current(), Recorder(folder)
    for number, given in enumerate(calls, begin):
        made = exchange(number)
        made.call_id = f"call_{route['revision']}_{number}"
        made.route = {
            "name": "triage",
            "revision": route["revision"],
            "target": "openai/gpt-4o",
            "role": given.get("role") or ("candidate" if given.get("arm", "model_b") == "model_b" else "incumbent"),
            "pair_id": given.get("pair_id"),
            "arm": given.get("arm"),
            "waited": 0.0,
            "unit": given.get("unit", f"unit {number}"),
        }
        made.status = given.get("status", 200)
        made.is_whole = given.get("is_whole", True)
        made.was_slower = given.get("was_slower", False)
        made.is_cancelled = given.get("is_cancelled", made.was_slower)
        made.seconds = given.get("seconds", 0.1)
        made.response = kept(given.get("sent") or chat(given.get("says", "On its way.")))
        if "response_format" in given:
            made.request = kept(body("gpt-4o", response_format=given["response_format"]))
        spool.record(made)
    spool.close()
    store_spool(open_workspace(), folder)


def rate(number: int, rating: int) -> str:
    at = current()["revision"]
    given = said_of(f"call_{at}_{number}", rating=rating, id=f"feedback_{at}_{number}")
    return feedback.give(open_workspace(), given)["status"]


def test_shadow_is_asked_after_the_answer_and_within_its_budget(
    gateway: Gateway, vendor: Upstream, second: Upstream
) -> None:
    save(candidate="second/m", shadow={"max_calls": 2})
    vendor.answers(answer(chat('{"a": 1, "b": 2}'), JSON))
    second.answers(0.2, answer(chat('{"b": 2.0, "a": 1}'), JSON))
    for seed in range(2):
        assert ask(gateway, request(CHATS, body(seed=seed), JSON))[0].status == 200
    wait_until(lambda: spooled().count('"role": "shadow"') == 2)
    ask(gateway, request(CHATS, body(seed=3), JSON))
    wait_until(lambda: spooled().count('"role": "incumbent"') == 3)
    calls = gateway.stored()
    shadows = [each for each in calls if each["role"] == "shadow"]
    assert {each["pair_id"] for each in shadows} == {each["id"] for each in calls if each["role"] == "incumbent"} - {
        next(each["id"] for each in reversed(calls) if each["role"] == "incumbent")
    }
    assert all(each["example_id"] is None and each["answer"] for each in shadows)
    assert len(second.requests) == 2
    assert current()["shadow_calls"] == 2
    found = agreed()
    assert (found["pairs"], found["not_compared"], found["rate"]) == (2, 0, 1.0)
    assert found["low"] is not None
    assert 0 < found["low"] < 1


def test_shadow_is_asked_only_for_calls_that_are_captured(
    gateway: Gateway, vendor: Upstream, second: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise there is nothing to compare with."""
    gateway.stop()
    monkeypatch.setenv("FINE_TUNING_CAPTURE_RATE", "0.5")
    save(candidate="second/m", shadow={})
    for each in (vendor, second):
        each.answers(WHOLE)
    with running(FastAPI(openapi_url=None)) as sampling:
        for number in range(20):
            unit = f"x-ft-unit: u{number}".encode()
            assert ask(sampling, request(CHATS, body(), JSON, unit))[0].status == 200
        captured = sum(is_in_sample({"unit": f"u{number}"}, "", 0.5) for number in range(20))
        wait_until(lambda: spooled().count('"role": "shadow"') == captured)
        calls = sampling.stored()
    assert 0 < captured < 20
    assert {each["unit"] for each in calls if each["role"] == "shadow"} == {
        each["unit"] for each in calls if each["example_id"] is not None
    }
    assert agreed()["not_compared"] == 0


def test_stream_in_shadow_says_its_tokens_for_the_budget(gateway: Gateway, vendor: Upstream, second: Upstream) -> None:
    save(incumbent="second/m", candidate="openai/gpt-4o", shadow={"max_dollars": 1})
    vendor.answers(WHOLE)
    second.answers(WHOLE)
    assert ask(gateway, request("/second/v1/chat/completions", body(stream=True), JSON))[0].status == 200
    assert vendor.asked.wait(30)
    told, asked = (json.loads(each.requests[0].partition(b"\r\n\r\n")[2]) for each in (second, vendor))
    assert asked == {**told, "model": "gpt-4o", "stream_options": {"include_usage": True}}


def test_budget_of_the_shadow_is_one_for_all_processes(database: Database) -> None:
    save(candidate=BASE, shadow={"max_calls": 3, "max_dollars": 0.5})
    with database.write() as tx:
        assert [routes.take_shadow(tx, "default", "triage", 3, 0.5) for _ in range(4)] == [True, True, True, False]
        routes.add_shadow_dollars(tx, "default", "triage", 0.5)
        assert not routes.take_shadow(tx, "default", "triage", None, 0.5)
        assert routes.take_shadow(tx, "default", "triage", None, None)
    assert save(candidate=BASE, shadow={"max_calls": 3, "max_dollars": 0.5})["shadow_calls"] == 4
    assert save(candidate=BASE, shadow={"max_calls": 9})["shadow_calls"] == 0


def test_assignment_is_sticky_and_grows_with_the_share(database: Database) -> None:
    ABTestFramework().create_test("t", "openai/gpt-4o", BASE)
    save(**RAMP)
    units = [f"user {number}" for number in range(2000)]

    def of_candidate() -> set[str]:
        route = known()
        return {unit for unit in units if route.decide(unit).chain[0].role == "candidate"}

    tenth = of_candidate()
    assert tenth == of_candidate()
    assert 150 < len(tenth) < 250
    sampled = [known().decide(unit).arm for unit in units[:500]]
    assert {None, "model_a", "model_b"} == set(sampled)
    route_changes.advance(database, "default", "triage", 0.5, BY_ME)
    half = of_candidate()
    assert tenth < half
    assert 900 < len(half) < 1100
    route_changes.promote(database, "default", "triage", BY_ME)
    decided = known().decide("user 1")
    assert [str(each.target) for each in decided.chain] == [BASE, "openai/gpt-4o"]
    assert decided.arm is None
    route_changes.give_back(database, "default", "triage", BY_ME)
    assert of_candidate() == set()


def test_routes_hold_while_the_database_is_away(workspace: Path) -> None:
    save()
    database = open_database()
    table = RouteTable(database)

    async def read_twice() -> list[str]:
        found = [*await table.of("default")]
        database.close()
        Path(str(database.url.database)).write_bytes(b"no database" * 99)
        await asyncio.sleep(READ_SECONDS)
        return [*found, *await table.of("default")]

    assert asyncio.run(read_twice()) == ["triage", "triage"]


def test_only_a_verdict_raises_the_share(database: Database, tmp_path: Path) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "openai/gpt-4o", BASE, margin=0.3)
    save(**RAMP, outcome="format")
    arms = [{**IN_FORM, "arm": arm} for _ in range(60) for arm in ("model_a", "model_b")]
    record(tmp_path / "spool", arms[:38])
    assert watch(database) == 0
    record(tmp_path / "spool", arms, begin=100)
    assert watch(database) == 1
    assert watch(database) == 0  # no sample of this share yet
    *_, last = history()
    assert (last["action"], last["share"], last["changed_by"]) == ("advance", 0.5, "verdict")
    assert "not worse by more than 0.3" in last["reason"]
    record(tmp_path / "spool", arms[:40])
    assert watch(database) == 1
    assert current()["share"] == 1
    assert framework.monitor("t").status == "completed"


def test_feedback_is_the_outcome_of_a_sample(database: Database, tmp_path: Path) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "openai/gpt-4o", BASE)
    save(**RAMP)
    failed = {"arm": "model_b", "status": 500}
    record(tmp_path / "spool", [{"arm": "model_a"}, {"arm": "model_b"}, failed, {"arm": "model_b"}, {}])
    result = framework.monitor("t")
    assert (result.model_a_open, result.model_b_open) == (1, 2)
    assert [rate(number, rating) for number, rating in ((0, 5), (1, 3), (4, 5))] == ["applied"] * 3
    assert rate(2, 1) == "refused"  # nobody answered
    result = framework.monitor("t")
    assert (result.model_a_accuracy, result.model_b_accuracy, result.model_b_open) == (1.0, 0.0, 1)


def test_feedback_on_a_cached_answer_is_the_outcome_of_its_sample(database: Database, tmp_path: Path) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "openai/gpt-4o", BASE)
    save(**RAMP)
    answered = f"call_{current()['revision']}_0"
    record(tmp_path / "spool", [{"arm": "model_b"}, {"role": "cache", "pair_id": answered}])
    assert framework.monitor("t").model_b_open == 1
    assert rate(1, 5) == "applied"
    result = framework.monitor("t")
    assert (result.model_b_samples, result.model_b_open, result.model_b_accuracy) == (1, 0, 1.0)


def test_samples_are_kept_for_their_outcomes_while_the_test_runs(database: Database, tmp_path: Path) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "openai/gpt-4o", BASE)
    save(**RAMP)
    record(tmp_path / "spool", [{"arm": "model_b"}, {}])
    with database.write() as tx:
        assert len(gateway_calls.remove_until(tx, now(), 10)) == 1
    assert rate(0, 5) == "applied"
    framework.conclude_test("t", even_empty=True)
    with database.write() as tx:
        assert len(gateway_calls.remove_until(tx, now(), 10)) == 1


@pytest.mark.parametrize(("margin", "is_lost"), [(0.05, True), (0.9, False)])
def test_candidate_that_is_worse_by_more_than_the_margin_returns_the_route(
    margin: float, is_lost: bool, database: Database, tmp_path: Path
) -> None:
    ABTestFramework().create_test("t", "openai/gpt-4o", BASE, margin=margin)
    save(**RAMP, outcome="format")
    form = {"type": "json_object"}
    record(tmp_path / "spool", [{"arm": "model_b", "response_format": form} for _ in range(80)])
    record_a = [
        {"score": 1.0, "model": "model_a", "sample_id": f"a{n}", "prediction": "x", "reference": "x"} for n in range(80)
    ]
    ABTestFramework().record_samples("t", [{**each, "latency_ms": 1.0, "cost": None} for each in record_a])
    assert recommend(ABTestFramework().monitor("t")).winner == "model_a"  # by its scores, whatever the margin
    assert watch(database) == is_lost
    *_, last = history()
    if is_lost:
        assert (last["action"], last["share"], last["changed_by"]) == ("return", 0.0, "verdict")
        assert last["reason"].endswith(f"{BASE} is worse by more than 0.05 (its scores are 0 against 1)")
    else:
        assert (last["action"], last["share"]) == ("set", 0.1)


@pytest.mark.parametrize(
    ("rails", "bad", "words"),
    [
        ({"error_rate": 0.1}, {"status": 500}, "errors: 12 of 40 calls, more than 10.0%"),
        ({"error_rate": 0.1}, {"is_whole": False}, "errors: 12 of 40"),
        ({"error_rate": 0.1}, {"sent": b"<html>Bad gateway</html>"}, "errors: 12 of 40"),
        ({"latency_p95_seconds": 2.0}, {"seconds": 3.0}, "latency above 2 s (p95): 12 of 40"),
        ({"format_failures": 0.1}, {"response_format": {"type": "json_object"}}, "format failures: 12 of 12"),
        ({"cost_per_call": 0.001}, {}, "cost per call: $"),
    ],
)
def test_guardrail_returns_the_route(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rails: Any, bad: dict[str, Any], words: str
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", '{"gpt-4o-2024-08-06": {"input": 2.5, "output": 10}}')
    save(candidate=BASE, guardrails=rails)
    route_changes.promote(open_database(), "default", "triage", BY_ME)
    record(tmp_path / "spool", [bad] * 9)
    record(tmp_path / "spool", [{**bad, "is_cancelled": True}] * 20, begin=100)
    assert watch(open_database()) == 0
    record(tmp_path / "spool", [*([{}] * 28), *([bad] * 3)], begin=200)
    assert watch(open_database()) == 1
    *_, last = history()
    assert (last["action"], last["changed_by"], last["share"]) == ("return", "guardrail", 0.0)
    assert words in last["reason"]
    route_changes.promote(open_database(), "default", "triage", BY_ME)
    assert watch(open_database()) == 0  # by calls since then


def test_tries_that_lost_a_hedge_count_for_latency_and_as_errors_of_the_test(workspace: Path, tmp_path: Path) -> None:
    slow = {"was_slower": True, "status": None, "is_whole": False}
    save(candidate=BASE, guardrails={"latency_p95_seconds": 2.0, "error_rate": 0.1})
    route_changes.promote(open_database(), "default", "triage", BY_ME)
    record(tmp_path / "spool", [{**slow, "seconds": 1.9}] * 20)  # whether they would have been too slow is not known
    assert watch(open_database()) == 0
    record(tmp_path / "spool", [{**slow, "seconds": 2.1}] * 5, begin=100)
    assert watch(open_database()) == 1
    assert "latency above 2 s (p95): 5 of 25" in str(history()[-1]["reason"])
    ABTestFramework().create_test("t", "openai/gpt-4o", BASE)
    save(**RAMP, outcome="format")
    record(tmp_path / "spool", [{**IN_FORM, "arm": "model_b"}, {**slow, "arm": "model_b"}, {**slow, "arm": "model_a"}])
    left = {"is_cancelled": True, "arm": "model_b"}
    record(tmp_path / "spool", [left], begin=50)  # a client that leaves says nothing about a model
    with open_database().read() as tx:
        found = tx.execute(select(tables.samples.c.arm, tables.samples.c.error).order_by(tables.samples.c.id)).all()
    lost = "another target answered before it"
    assert [tuple(each) for each in found] == [("model_b", None), ("model_b", lost), ("model_a", lost)]


def test_failure_of_a_candidate_is_its_sample_where_no_further_try_is_needed(
    gateway: Gateway, vendor: Upstream, second: Upstream
) -> None:
    ABTestFramework().create_test("t", "openai/gpt-4o", "second/m")
    save(**{**RAMP, "candidate": "second/m", "ramp": [0.5, 1.0]}, fallback={"hedge_seconds": 0.05})
    unit = next(each for each in map(str, range(99)) if known().decide(each).arm == "model_b")
    vendor.answers(WHOLE)
    second.answers(answer(b"{}", JSON, status=b"503 Service Unavailable"))
    assert ask(gateway, request(CHATS, body(user=unit), JSON))[0].getheader("x-ft-target") == "openai/gpt-4o"
    found = [(each["target"], each["status"], each["arm"]) for each in gateway.stored()]
    assert sorted(found) == [("openai/gpt-4o", 200, None), ("second/m", 503, "model_b")]


def test_route_that_was_changed_meanwhile_is_not_changed_by_what_was_seen_before(database: Database) -> None:
    save(candidate=BASE)
    seen = route_changes.promote(database, "default", "triage", BY_ME)["revision"]
    route_changes.give_back(database, "default", "triage", BY_ME)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        route_changes.advance(database, "default", "triage", 1.0, Change("verdict", "gateway", "not worse", seen))
    assert current()["share"] == 0


def test_broken_candidate_is_returned_within_seconds(gateway: Gateway, vendor: Upstream, second: Upstream) -> None:
    save(candidate="second/m", guardrails={"error_rate": 0.1}, fallback={"retries": 0})
    route_changes.promote(open_database(), "default", "triage", Change("cli", "me", "good"))
    vendor.answers(WHOLE)
    second.answers(answer(b"{}", JSON, status=b"500 Internal Server Error"))
    stop = threading.Event()
    worker = threading.Thread(target=spool_worker.run, args=(os.getppid(), stop))
    worker.start()
    try:
        for seed in range(12):
            assert ask(gateway, request(CHATS, body(seed=seed), JSON))[0].status == 200
        wait_until(lambda: history()[-1]["action"] == "return")
        wait_until(lambda: _reaches_only_the_incumbent(gateway, second))
    finally:
        stop.set()
        worker.join()
    assert history()[-1]["changed_by"] == "guardrail"
    waits = recorder.FLUSH_SECONDS + recorder.SEGMENT_SECONDS + spool_worker.EVERY_SECONDS + READ_SECONDS
    assert waits < 10


def _reaches_only_the_incumbent(gateway: Gateway, second: Upstream) -> bool:
    before = len(second.requests)
    reply, _ = ask(gateway, request(CHATS, body(), JSON))
    return (reply.status, len(second.requests)) == (200, before)
