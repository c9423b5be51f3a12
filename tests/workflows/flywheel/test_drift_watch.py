"""Drift of a route's inputs, outputs and quality, found in its stored calls; and the other triggers of a run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra `flywheel` is not installed")
pytest.importorskip("apscheduler", reason="the extra `flywheel` is not installed")
from fine_tuning.gateway import feedback
from fine_tuning.gateway.recorder import Recorder
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.store import flywheels, shutdown_dates
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.flywheel import drift_watch, triggers
from fine_tuning.workflows.flywheel.drift_watch import DriftFound
from fine_tuning.workflows.flywheel.flywheel_policy import FlywheelPolicy
from tests import wire
from tests.gateway.test_recording import exchange, kept
from tests.gateway.test_route_calls import body
from tests.gateway.test_route_candidates import chat
from tests.gateway.test_routes import save

TOPICS = {
    "parcel": ["where is my parcel {}", "has order {} been sent", "the delivery of {} is late"],
    "invoice": ["send the invoice of {} again", "tax number on bill {}", "a receipt for {} please"],
    "insult": ["{} you are useless", "shut up {}", "I hate the bot {}"],
}


def policy(**more: Any) -> FlywheelPolicy:
    return FlywheelPolicy.of({"route": "triage", "model_name": "triage", **more})


def record(folder: Path, questions: Sequence[str], answers: Sequence[str], begin: int = 0, **route: Any) -> None:
    """Store calls of the route, a conversation each."""
    spool = Recorder(folder)
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True), begin):
        made = exchange(number)
        made.call_id, made.request = f"call_{number}", kept(body("gpt-4o", messages=_asked(question)))
        known = {"revision": 1, "target": "openai/gpt-4o", "role": "incumbent", "pair_id": None, "arm": None}
        unit = route.pop("unit", None) or f"unit {number}"
        made.route = {"name": "triage", "waited": 0.0, "unit": unit, **known, **route}  # type: ignore[typeddict-item]
        made.response = kept(chat(answer))
        spool.record(made)
    spool.close()
    store_spool(open_workspace(), folder)


def _asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def drawn(topics: Sequence[str], count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice(TOPICS[rng.choice(topics)]).format(rng.randrange(10_000)) for _ in range(count)]


def rate(number: int, rating: int) -> None:
    given: Any = {"id": f"feedback_{number}", "project": "default", "call_id": f"call_{number}", "rating": rating}
    rest = {"own_id": None, "correction": None, "metrics": {}, "comment": None, "reason": None}
    found = feedback.give(open_workspace(), {**given, **rest, "status": "waiting", "created_at": now()})
    assert found["status"] == "applied"


def look(since: datetime | None = None, **drift: Any) -> dict[str, DriftFound]:
    found = drift_watch.look(open_workspace(), policy(drift={"reference": 100, **drift}), since)
    return {each["kind"]: each for each in found}


def test_other_questions_are_drift_and_the_same_ones_are_none(database: Database, tmp_path: Path) -> None:
    save()
    usual = drawn(["parcel", "invoice"], 300, 1)
    record(tmp_path, usual, ["fine"] * 300)
    same = look()
    assert (same["inputs"]["compared"], same["inputs"]["is_drift"]) == (100, False)
    assert not same["outputs"]["is_drift"]
    began = now()
    record(tmp_path, drawn(["invoice", "insult"], 120, 2), ["fine"] * 120, 300)
    found = look(began)
    assert found["inputs"]["is_drift"]
    assert "inputs: has drifted" in drift_watch.described(found["inputs"])
    assert triggers.due(open_workspace(), policy(), lambda *_: [*found.values()]) is None  # it was not asked for
    reason = triggers.due(open_workspace(), policy(when={"drift": True}), lambda *_: [*found.values()])
    assert reason is not None
    assert reason.startswith("inputs: has drifted")


def test_calls_of_one_conversation_count_once(database: Database, tmp_path: Path) -> None:
    save()
    record(tmp_path, drawn(["parcel"], 100, 1), ["fine"] * 100)
    for number in range(100, 200):
        record(tmp_path, drawn(["insult"], 1, number), ["fine"], number, unit="one angry user")
    assert look()["inputs"]["compared"] == 1


def test_answers_that_change_are_drift_and_another_model_is_none(database: Database, tmp_path: Path) -> None:
    save()
    questions = drawn(["parcel"], 400, 1)
    record(tmp_path, questions[:200], ["Your parcel is on its way."] * 200)
    save(incumbent="openai/gpt-4o-mini")
    record(tmp_path, questions[200:300], ['{"state": "unknown"}'] * 100, 200, revision=2)
    assert not look()["outputs"]["is_drift"]
    record(tmp_path, questions[300:], ["I cannot help with that."] * 100, 300, revision=2)
    found = look()
    assert found["outputs"]["is_drift"]
    assert not found["inputs"]["is_drift"]


def test_quality_below_what_is_demanded_is_drift(database: Database, tmp_path: Path) -> None:
    save()
    record(tmp_path, drawn(["parcel"], 200, 1), ["fine"] * 200)
    for number in range(80):
        rate(number, 1 if number % 10 == 0 else 5)
    good = look(min_quality=0.8)["quality"]
    assert (good["compared"], good["is_drift"], good["value"]) == (80, False, 0.9)
    assert good["low"] < 0.9 < good["high"]
    for number in range(80, 200):
        rate(number, 2 if number % 2 == 0 else 4)
    bad = look(min_quality=0.8)["quality"]
    assert bad["is_drift"]
    assert bad["evidence"] >= bad["needed"]


def test_worse_grades_of_a_judge_are_drift_and_each_answer_is_graded_once(
    database: Database, tmp_path: Path, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")

    def grade(request: wire.Request) -> Any:
        is_good = "It is on its way" in request.body["messages"][-1]["content"]
        return 200, wire.completion(f"Reasons.\nGrade: {5 if is_good else 2}", "judge")

    host.answers["POST /chat/completions"] = grade
    save()
    record(tmp_path, drawn(["parcel"], 140, 1), ["It is on its way"] * 140)
    same = look(judge="judge", judged=60)["judged"]
    assert (same["compared"], same["is_drift"], same["value"]) == (40, False, 0.0)
    asked = len(host.requests)
    assert asked == 80
    record(tmp_path, drawn(["parcel"], 60, 2), ["Who knows?"] * 60, 140)
    worse = look(judge="judge", judged=100)["judged"]
    assert len(host.requests) - asked == 120
    assert worse["is_drift"]
    assert (worse["compared"], worse["value"]) == (100, pytest.approx(0.75 * 0.6))
    assert "worse than it was" in drift_watch.described(worse)
    asked = len(host.requests)
    assert look(judge="judge", judged=100)["judged"] == worse
    assert len(host.requests) == asked + 1  # whether the host still has the same model behind that name


def test_judge_that_fails_leaves_the_other_kinds_of_drift(
    database: Database, tmp_path: Path, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    host.answers["POST /chat/completions"] = lambda _: (401, {"error": {"message": "no such key"}})
    save()
    record(tmp_path, drawn(["parcel"], 200, 1), ["fine"] * 200)
    found = look(judge="judge", judged=20)
    assert found["inputs"]["compared"] == 100
    assert (found["judged"]["compared"], found["judged"]["is_drift"]) == (0, False)


def test_each_trigger_says_why(database: Database, tmp_path: Path) -> None:
    save(incumbent="openai/gpt-9")
    record(tmp_path, drawn(["parcel"], 20, 1), ["fine"] * 20)

    def due(**when: Any) -> str | None:
        return triggers.due(open_workspace(), policy(when=when), lambda *_: [])

    assert due(ratings=3) is None
    for number in range(2):
        rate(number, 5)
    assert due(ratings=3) is None
    rate(5, 1)
    assert due(ratings=3) == "3 new ratings"
    assert due(schedule="* * * * *") is None
    assert due(retires_within_days=30) is None
    day = (now() + timedelta(days=20)).date().isoformat()
    with database.write() as tx:
        shutdown_dates.record_dates(tx, "https://api.openai.com/v1", {"gpt-9": day})
    assert due(retires_within_days=30) == "openai/gpt-9 is shut down in 20 days"
    with database.write() as tx:
        flywheels.begin(tx, ("default", "triage"), "by hand", {}, "label")
    assert due(retires_within_days=30, ratings=3) is None  # a run began since
