"""Which calls the review inbox asks first, why, and with which probability."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints

import numpy as np
import pytest
from scipy.stats import kstest
from sqlalchemy import insert, inspect, select, text

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.review_inbox import NO_REASON, ReviewInbox
from fine_tuning.distillation.review_weights import MOST_WEIGHT, Signal, uniform_number, weight_of
from fine_tuning.store import gateway_calls, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database
from fine_tuning.store.records.gateway_calls import GatewayCall
from fine_tuning.store.schema import REVISIONS, migrate, stored_revision
from fine_tuning.store.unused_examples import forget
from fine_tuning.store.workspace import open_workspace

NONE: dict[str, Any] = dict.fromkeys(get_type_hints(GatewayCall))


def inbox_of(reviewer: str = "ann", **more: Any) -> ReviewInbox:
    return ReviewInbox(reviewer, database=open_workspace().database, **more)


def captured(name: str, domain: str = "usual", **metadata: object) -> str:
    collector = DistillationDataCollector()
    return collector.capture_success(f"Question {name}", f"Answer {name}", domain, "chat", rating=3, metadata=metadata)


def draws(database: Database) -> dict[str, Any]:
    with database.read() as tx:
        return {row.example_id: row for row in tx.execute(select(tables.review_draws))}


def shadowed(database: Database, example_id: str, answer: str) -> None:
    """A call of the gateway that became an example, and what a candidate answered in shadow."""
    facts = {"project": "default", "upstream": "host", "path": "/v1/chat/completions", "metadata": {}, "bytes": 1}
    common = {**NONE, **facts, "is_whole": True, "is_delivered": True, "started_at": now()}
    call: Any = {**common, "id": f"call-{example_id}", "example_id": example_id, "role": "incumbent"}
    message = {"role": "assistant", "content": answer}
    shadow: Any = {**common, "id": f"of-{example_id}", "pair_id": call["id"], "role": "shadow", "answer": message}
    with database.write() as tx:
        gateway_calls.add(tx, [call, shadow])


def test_uniform_number_of_ids_is_uniform_and_permanent() -> None:
    numbers = [uniform_number(f"sha256:{number}") for number in range(3000)]
    assert kstest(numbers, "uniform").pvalue > 0.01
    assert numbers[7] == uniform_number("sha256:7")
    assert 0 < min(numbers) < max(numbers) < 1


def test_weight_of_signals_is_of_the_strongest_and_bounded() -> None:
    assert weight_of([]) == weight_of([Signal(-0.5, "sure")]) == (1.0, None)
    assert weight_of([Signal(0.5, "half"), Signal(0.2, "less")]) == (2.5, "half")
    assert weight_of([Signal(3.0, "more")]) == (MOST_WEIGHT, "more")


def test_take_weighs_what_speaks_for_a_call_and_says_why(database: Database) -> None:
    for number in range(60):
        captured(f"usual {number}")
    differing, agreeing = captured("differs"), captured("agrees")
    shadowed(database, differing, "Something else")
    shadowed(database, agreeing, " Answer agrees ")
    expected = {
        differing: (4.0, "teacher and candidate differ"),
        agreeing: (1.0, None),
        captured("votes", agreement=0.6): (3.4, "samples differ"),
        captured("grade", grade=0.5): (2.5, "the judge's grade is 0.5"),
        captured("unsure", confidence=0.45): (2.5, "low confidence: 0.45"),
        captured("tokens", logprobs=[["Yes", -2.0], [".", 0.0]]): (2.774, "low confidence: 0.37"),
        captured("sure", confidence=0.95, grade=1, agreement=1.0): (1.0, None),
        captured("no share", grade="B", confidence=7, logprobs="x"): (1.0, None),
        captured("rare", domain="refunds"): (4 - 3 / 69 / 0.05, "rare: refunds"),
    }
    inbox = inbox_of()
    taken = inbox.take(limit=100)
    found = draws(database)
    assert [each["id"] for each in taken] == sorted(found, key=lambda one: found[one].draw)
    for example_id, (weight, reason) in expected.items():
        row = found[example_id]
        assert (row.weight, row.reason) == (pytest.approx(weight, abs=0.001), reason)
        assert row.draw == pytest.approx(uniform_number(example_id) / row.weight)
    reasons = inbox.reasons(taken)
    assert {one: reasons[one] for one in expected} == {one: why or NO_REASON for one, (_, why) in expected.items()}
    assert set(reasons) == set(found)


def test_take_again_keeps_the_order_and_adds_new_calls_behind(database: Database) -> None:
    for number in range(30):
        captured(str(number))
    inbox = inbox_of()
    first = [each["id"] for each in inbox.take(limit=10)]
    before = draws(database)
    for number in range(30, 90):
        captured(str(number), confidence=0.0)
    inbox.rate(first[0], 4)
    again = [each["id"] for each in inbox.take(limit=12)]
    assert again[:9] == first[1:]
    assert [after for after in again[9:] if draws(database)[after].draw < before[first[1]].draw] != []
    assert {one: (row.draw, row.entered_at) for one, row in before.items()} == {
        one: (row.draw, row.entered_at) for one, row in draws(database).items() if one in before
    }


def test_calls_are_asked_in_proportion_to_their_weights(database: Database) -> None:
    for number in range(600):
        captured(str(number), **({"grade": 0.0} if number % 2 else {}))
    taken = inbox_of().take(limit=100)
    doubted = sum("grade" in each["metadata"] for each in taken)
    assert doubted / len(taken) == pytest.approx(0.8, abs=0.1)  # 4 to 1


def test_forgotten_calls_leave_the_estimates_with_all_of_their_time(database: Database) -> None:
    old = [captured(str(number)) for number in range(6)]
    inbox = inbox_of()
    rated = inbox.take(limit=6)[0]["id"]
    inbox.rate(rated, 2)
    inbox.leave()
    with database.write() as tx:
        assert forget(tx, dict.fromkeys(old, 1)) == 5
    assert {one: row.is_counted for one, row in draws(database).items()} == {rated: False}


@pytest.mark.parametrize("revision", [REVISIONS[0], "0007", REVISIONS[-2]])
def test_migration_with_rows_through_every_schema_draws_waiting_calls(database: Database, revision: str) -> None:
    with database.write() as tx:
        tables.metadata.drop_all(tx)
        tx.execute(text("DROP TABLE alembic_version"))
        if tx.dialect.name == "postgresql":
            tx.execute(text("DROP FUNCTION history_only_grows"))
        migrate(tx, revision)
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        columns = {each["name"] for each in inspect(tx).get_columns("examples")}
        for number, judged in enumerate((True, False, False)):
            row = {
                "id": f"sha256:{number}",
                "prompt": f"p{number}",
                "response": "r",
                "domain": "d",
                "task_type": "t",
                "rating": 3,
                "judged": judged,
                "model_used": "m",
                "metadata": {},
                "sightings": 1,
                "captured_at": moment + timedelta(number),
                "last_seen_at": moment,
            }
            tx.execute(insert(tables.examples).values({name: row[name] for name in row if name in columns}))
        has_reviews = inspect(tx).has_table("reviews")
        if has_reviews:
            review = {"example_id": "sha256:0", "reviewer": "ann", "rating": 3, "rating_before": 3}
            tx.execute(insert(tables.reviews).values(**review, judged_before=False, created_at=moment))
        migrate(tx, "head")
        assert stored_revision(tx) == REVISIONS[-1]
    waiting = {"sha256:1", "sha256:2", *([] if "judged" in columns else ["sha256:0"])}
    assert {each["id"] for each in inbox_of("bob").take()} == waiting == set(draws(database))
    assert inbox_of("bob", second_opinions=True).count() == has_reviews
    assert np.isclose(draws(database)["sha256:1"].draw, uniform_number("sha256:1"))
