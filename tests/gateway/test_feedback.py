"""What applications say of calls: ratings, better answers and figures, before or after the call is stored."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.gateway import feedback
from fine_tuning.gateway.exchanges import RouteFacts
from fine_tuning.gateway.recorder import SPOOL, Recorder
from fine_tuning.gateway.retention import FEEDBACK_WAITS, remove_old
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.gateway.whole_call import whole_call
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import call_feedback, examples, gateway_calls, route_answers
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.gateway_calls import CallFeedback
from fine_tuning.store.workspace import open_workspace
from tests.gateway.test_recording import exchange
from tests.server.conftest import listening

ROUTE: RouteFacts = {
    "name": "triage",
    "revision": 1,
    "target": "openai/gpt-4o",
    "role": "incumbent",
    "pair_id": None,
    "arm": None,
    "waited": 0.0,
    "unit": None,
}


def say(address: str, **said: Any) -> dict[str, Any]:
    """The one line of an application."""
    return dict(httpx2.post(f"{address}/feedback", json=said).json())


def said_of(call_id: str, number: int = 1, **said: Any) -> CallFeedback:
    """Feedback as the store has it."""
    found: Any = {
        "id": f"feedback_{number}",
        "project": DEFAULT_PROJECT,
        "call_id": call_id,
        "own_id": None,
        "rating": None,
        "correction": None,
        "metrics": {},
        "comment": None,
        "status": "waiting",
        "reason": None,
        "created_at": now(),
    }
    return {**found, **said}


def record(spool: Recorder, number: int, **tags: str) -> str:
    made = exchange(number)
    made.tags = tags
    spool.record(made)
    return made.call_id


def test_feedback_rates_the_captured_example(database: Database, spool: Recorder) -> None:
    first, second, third = (record(spool, number) for number in range(3))
    spool.close()
    store_spool(open_workspace(), spool.folder)
    with listening(ServerConfig()) as address:
        assert say(address, call_id=first, thumb="up")["status"] == "applied"
        assert say(address, call_id=second, rating=2, comment="late")["status"] == "applied"
        assert say(address, call_id=third, correction="It arrived.")["status"] == "applied"
    found = {each["prompt"]: each for each in DistillationDataCollector().find_examples()}
    assert [found[f"Question {number}"]["rating"] for number in range(2)] == [5, 2]
    (pair,) = DistillationDataCollector().get_preferences()
    assert (pair["prompt"], pair["chosen"], pair["rejected"]) == ("Question 2", "It arrived.", "On its way.")


def test_feedback_before_its_call_is_stored_waits_for_it(database: Database, spool: Recorder) -> None:
    call_id = record(spool, 1, id="order-7")
    with listening(ServerConfig()) as address:
        assert say(address, call_id=call_id, metrics={"minutes": 3.5})["status"] == "waiting"
        assert say(address, id="order-7", rating=1)["status"] == "waiting"
        assert say(address, id="order-8", rating=1)["status"] == "waiting"
    spool.close()
    store_spool(open_workspace(), spool.folder)
    (example,) = DistillationDataCollector().find_examples()
    assert example["rating"] == 1
    with database.read() as tx:
        metrics, rated = call_feedback.of_call(tx, call_id, DEFAULT_PROJECT)
    assert (metrics["metrics"], rated["rating"], rated["status"]) == ({"minutes": 3.5}, 1, "applied")


def test_feedback_is_masked_as_its_call_is(
    database: Database, spool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_CAPTURE_MASK", "personal_data")
    call_id = record(spool, 1, id="ann@shop.example")
    with listening(ServerConfig()) as address:
        said: Any = {"correction": "Write to ann@shop.example.", "comment": "says ann@shop.example"}
        said["metrics"] = {"of ann@shop.example": 1}
        assert say(address, id="ann@shop.example", **said)["status"] == "waiting"
    spool.close()
    store_spool(open_workspace(), spool.folder)
    (pair,) = DistillationDataCollector().get_preferences()
    assert pair["chosen"] == "Write to <E-MAIL_ADDRESS>."
    with database.read() as tx:
        (given,), call = call_feedback.of_call(tx, call_id, DEFAULT_PROJECT), gateway_calls.get(tx, call_id)
    assert (given["status"], given["comment"]) == ("applied", "says <E-MAIL_ADDRESS>")
    assert "ann@" not in f"{given} {call}"


def test_feedback_that_meets_a_locked_database_waits_in_the_spool(tmp_path: Path, spool: Recorder) -> None:
    call_id = record(spool, 1)
    spool.close()
    workspace = open_workspace(tmp_path / "locked.db")
    store_spool(workspace, spool.folder)
    with closing(sqlite3.connect(tmp_path / "locked.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        given = feedback.give(workspace, said_of(call_id, rating=2))
        assert given["status"] == "waiting"
        other.execute("ROLLBACK")
    (kept,) = (folder := workspace.settings.folder(SPOOL)).iterdir()
    shutil.copy(kept, tmp_path / kept.name)
    for _ in range(2):  # as after a kill between storing it and deleting its file
        store_spool(workspace, folder)
        assert not kept.exists()
        shutil.copy(tmp_path / kept.name, folder)
    with workspace.database.read() as tx:
        (stored,) = call_feedback.of_call(tx, call_id, DEFAULT_PROJECT)
        (example,) = examples.each(tx)
    assert (stored["status"], stored["created_at"], example["rating"]) == ("applied", given["created_at"], 2)


def test_feedback_that_cannot_be_applied_says_why(database: Database, spool: Recorder) -> None:
    record(spool, 1, id="twice")
    record(spool, 2, id="twice")
    failed = exchange(3)
    failed.status = 500
    spool.record(failed)
    spool.close()
    store_spool(open_workspace(), spool.folder)
    with listening(ServerConfig()) as address:
        both = say(address, id="twice", thumb="up")
        assert both["status"] == "refused"
        assert "2 calls have the id twice" in both["reason"]
        assert "the call failed" in say(address, call_id="call_3", thumb="up")["reason"]
        assert say(address, call_id="call_3", metrics={"tries": 2})["status"] == "applied"
        assert "different" in say(address, call_id="call_1", correction="On its way.")["reason"]


def test_repeated_call_is_rated_where_it_was_answered(database: Database, spool: Recorder) -> None:
    failed = exchange(1)
    failed.status, failed.tags = 429, {"id": "order-7"}
    spool.record(failed)
    call_id = record(spool, 2, id="order-7")
    spool.close()
    store_spool(open_workspace(), spool.folder)
    with listening(ServerConfig()) as address:
        assert say(address, id="order-7", thumb="down")["call_id"] == call_id


def test_feedback_waits_for_the_try_that_was_answered(database: Database, spool: Recorder) -> None:
    failed = exchange(1)
    failed.status, failed.tags = 503, {"id": "order-7"}
    spool.record(failed)
    spool.close()
    store_spool(open_workspace(), spool.folder)
    again = Recorder(spool.folder)
    with listening(ServerConfig()) as address:
        assert say(address, id="order-7", thumb="up")["status"] == "waiting"
        record(again, 2, id="order-7")
        again.close()
        store_spool(open_workspace(), spool.folder)
    (example,) = DistillationDataCollector().find_examples()
    assert example["rating"] == 5


def test_feedback_by_an_id_is_of_the_answered_call_also_where_none_is_captured(
    database: Database, spool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_CAPTURE_RATE", "0")
    call_id = record(spool, 1, id="order-7")
    shadow = exchange(2)
    shadow.tags, shadow.route = {"id": "order-7"}, {**ROUTE, "role": "shadow", "pair_id": call_id}
    spool.record(shadow)
    for number in (3, 4):
        record(spool, number, id="twice")
    spool.close()
    store_spool(open_workspace(), spool.folder)
    with listening(ServerConfig()) as address:
        assert say(address, id="order-7", metrics={"minutes": 3})["call_id"] == call_id
        assert "2 calls have the id twice" in say(address, id="twice", metrics={"minutes": 3})["reason"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name the call"),
        ({"call_id": "a", "id": "b", "thumb": "up"}, "name the call"),
        ({"call_id": "a"}, "say something"),
        ({"call_id": "a", "thumb": "up", "rating": 3}, "either thumb or rating"),
        ({"call_id": "a", "rating": 6}, "rating"),
        ({"call_id": "a", "thumb": "sideways"}, "thumb"),
        ({"call_id": "a", "metrics": {"x": "y"}}, "metrics"),
        ({"call_id": "a", "stars": 5}, "stars"),
    ],
)
def test_invalid_feedback_says_what_to_send(workspace: object, body: dict[str, Any], words: str) -> None:
    with listening(ServerConfig()) as address:
        reply = httpx2.post(f"{address}/feedback", json=body)
    assert reply.status_code == 400
    assert words in json.dumps(reply.json())


def test_feedback_reaches_no_call_of_another_project(database: Database, spool: Recorder) -> None:
    made = exchange(1)
    made.project = "shop"
    spool.record(made)
    spool.close()
    store_spool(open_workspace(), spool.folder)
    with listening(ServerConfig()) as address:
        assert say(address, call_id=made.call_id, thumb="down")["status"] == "waiting"
    (example,) = DistillationDataCollector(project="shop").find_examples()
    assert example["rating"] == 3


def test_feedback_of_another_project_or_given_twice_is_no_further_rating(database: Database, spool: Recorder) -> None:
    first, second = exchange(1), exchange(2)
    for made in (first, second):
        made.project, made.route = "shop", {**ROUTE}
        spool.record(made)
    spool.close()
    workspace = open_workspace()
    store_spool(workspace, spool.folder)
    said = [("shop", first, 2), ("shop", first, 5), ("mail", second, 1)]
    for number, (project, made, rating) in enumerate(said):
        feedback.give(workspace, said_of(made.call_id, number, project=project, rating=rating))
    with database.read() as tx:
        assert route_answers.count_ratings(tx, "shop", "triage", None) == 1
        assert route_answers.ratings(tx, "shop", "triage", None, 9) == [2]
        assert [each["rating"] for each in call_feedback.of_call(tx, first.call_id, "shop")] == [2, 5]
    assert whole_call(database, second.call_id).feedback == []


def test_feedback_whose_call_never_comes_is_not_kept_for_ever(database: Database) -> None:
    given: Any = {"project": DEFAULT_PROJECT, "own_id": None, "correction": None, "metrics": {}, "comment": None}
    for number, age in enumerate([FEEDBACK_WAITS + timedelta(hours=1), timedelta(days=1)]):
        said = {"id": f"feedback_{number}", "call_id": f"call_{number}", "rating": 5, "created_at": now() - age}
        feedback.give(open_workspace(), {**given, **said, "reason": None, "status": "waiting"})
    remove_old(open_workspace())
    with database.read() as tx:
        kept = [call_feedback.of_call(tx, f"call_{number}", DEFAULT_PROJECT) for number in range(2)]
    assert [len(each) for each in kept] == [0, 1]
