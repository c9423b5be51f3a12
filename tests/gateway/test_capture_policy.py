"""Which calls become examples, what is masked in them, and how long they are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.gateway.recorder import Recorder
from fine_tuning.gateway.retention import remove_old
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.store import costs, gateway_calls
from fine_tuning.store.database import Database
from fine_tuning.store.records.gateway_calls import GatewayCall
from fine_tuning.store.workspace import open_workspace
from tests.gateway.test_recording import exchange, kept


def store(spool: Recorder, database: Database) -> list[GatewayCall]:
    """What was recorded, oldest first."""
    spool.close()
    store_spool(open_workspace(), spool.folder)
    with database.read() as tx:
        return gateway_calls.newest(tx, limit=1000)[::-1]


def test_sample_has_whole_conversations_and_all_tokens(
    database: Database, spool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_CAPTURE_RATE", "0.5")
    for number in range(300):
        made = exchange(number)
        made.tags = {"conversation": f"c-{number // 3}"}
        spool.record(made)
    calls = store(spool, database)
    captured = [call["example_id"] is not None for call in calls]
    assert 100 < sum(captured) < 200
    chats = [{captured[at] for at in range(start, start + 3)} for start in range(0, 300, 3)]
    assert all(len(each) == 1 for each in chats)
    assert {call["prompt_tokens"] for call in calls} == {1000}
    assert {call["not_captured"] for call in calls} == {None, "it is not in the sample"}
    with database.read() as tx:
        assert len(costs.all_events(tx, "inference")) == 300


def test_private_data_is_masked_before_it_is_stored(
    database: Database, spool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_CAPTURE_MASK", "secrets, personal_data")
    made = exchange(1)
    assert made.request is not None
    made.request = kept(made.request.whole().replace(b"Question 1", b"I am ann@shop.example, password: hunter22!"))
    made.tags = {"unit": "ann@shop.example", "conversation": "c-1", "metadata": '{"mail": "ann@shop.example"}'}
    spool.record(made)
    (call,) = store(spool, database)
    (example,) = DistillationDataCollector().find_examples()
    assert example["prompt"] == "I am <E-MAIL_ADDRESS>, password: <PASSWORD>"
    stored = f"{call} {example}"
    assert "ann@" not in stored
    assert "hunter22" not in stored
    assert (call["conversation"], example["metadata"]["conversation_id"]) == ("c-1", "c-1")
    assert call["unit"] == example["metadata"]["user_id"]
    assert str(call["unit"]).startswith("sha256:")


def test_private_data_is_masked_wherever_it_is(
    database: Database, spool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_CAPTURE_MASK", "personal_data")
    made = exchange(1)
    made.path = "/v1/users/ann@shop.example/chat/completions"
    assert made.request is not None
    part = b'[{"type": "ann@shop.example"}]'
    made.request = kept(made.request.whole().replace(b'"Question 1"', part))
    spool.record(made)
    (call,) = store(spool, database)
    assert call["not_captured"] is not None
    assert "ann@" not in str(call)
    assert "<E-MAIL_ADDRESS>" in call["path"]


def test_calls_that_are_too_old_go_and_examples_that_are_needed_stay(
    database: Database, spool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC).timestamp()
    for number, days in enumerate((40, 40, 40, 1)):
        made = exchange(0 if number == 2 else number)
        made.call_id = f"call_{number}"
        made.started_at = now - timedelta(days=days).total_seconds()
        spool.record(made)
    store(spool, database)
    rated = next(each for each in DistillationDataCollector().find_examples() if each["prompt"] == "Question 1")
    DistillationDataCollector().rate(rated["id"], 5)
    assert remove_old(open_workspace()) == 0
    monkeypatch.setenv("FINE_TUNING_CAPTURE_DAYS", "30")
    assert remove_old(open_workspace()) == 3
    assert {each["prompt"] for each in DistillationDataCollector().find_examples()} == {"Question 1", "Question 3"}
    with database.read() as tx:
        assert [call["id"] for call in gateway_calls.newest(tx)] == ["call_3"]
        assert len(costs.all_events(tx, "inference")) == 4  # what was paid stays


def test_calls_beyond_the_size_go_the_oldest_first(
    database: Database, spool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        made = exchange(number)
        assert made.response is not None
        made.response = kept(made.response.whole() + b" " * (400 << 10))
        made.started_at += number
        spool.record(made)
    store(spool, database)
    monkeypatch.setenv("FINE_TUNING_CAPTURE_MIB", "1")
    assert remove_old(open_workspace()) == 3
    with database.read() as tx:
        assert [call["id"] for call in gateway_calls.newest(tx)] == ["call_4", "call_3"]
    assert len(DistillationDataCollector().find_examples()) == 2
