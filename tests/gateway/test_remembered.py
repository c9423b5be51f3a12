"""What the gateway looks up for its calls: shared by those that ask at once, and kept while the database is away."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from fine_tuning.errors import StorageError
from fine_tuning.gateway import remembered
from fine_tuning.gateway.remembered import Remembered


class Table:
    """A database that takes a while, counts who asks, and can be away."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = False

    def look_up(self, key: str) -> str:
        self.asked.append(key)
        time.sleep(0.05)
        if self.is_away:
            raise StorageError("the database does not answer")
        return key.upper()


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr(remembered, "READ_SECONDS", 0.0)  # looked up again by each call that comes later
    return Table()


async def fifty(known: Remembered[str], key: str = "a") -> list[str | BaseException]:
    return await asyncio.gather(*(known.of(key) for _ in range(50)), return_exceptions=True)


def test_calls_of_the_same_moment_share_one_look_up(table: Table) -> None:
    known = Remembered(table.look_up)

    async def calls() -> None:
        assert await fifty(known) == ["A"] * 50
        assert await asyncio.gather(known.of("a"), known.of("b")) == ["A", "B"]

    asyncio.run(calls())
    assert sorted(table.asked) == ["a", "a", "b"]  # the last two at once


def test_an_outage_is_asked_about_once_at_a_time_and_said_once(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    known = Remembered(table.look_up)

    async def calls() -> None:
        await fifty(known)
        for _ in range(2):
            table.is_away = True
            for _ in range(3):
                assert await fifty(known) == ["A"] * 50
            table.is_away = False
            assert await fifty(known) == ["A"] * 50

    with caplog.at_level(logging.WARNING):
        asyncio.run(calls())
    assert len(table.asked) == 1 + 2 * (3 + 1)
    assert [record.message for record in caplog.records] == [
        "what was known before holds for the gateway: the database does not answer"
    ] * 2


def test_what_was_never_known_fails_for_each_that_asks_and_is_asked_again_later(table: Table) -> None:
    known = Remembered(table.look_up)

    async def calls() -> None:
        table.is_away = True
        assert all(isinstance(answer, StorageError) for answer in await fifty(known))
        table.is_away = False
        assert await known.of("a") == "A"

    asyncio.run(calls())
    assert table.asked == ["a", "a"]


def test_a_caller_that_leaves_takes_no_answer_from_the_others(table: Table) -> None:
    known = Remembered(table.look_up)

    async def calls() -> str:
        first = asyncio.create_task(known.of("a"))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(known.of("a"))
        await asyncio.sleep(0.01)
        first.cancel()
        return await second

    assert asyncio.run(calls()) == "A"
    assert table.asked == ["a"]
