"""Stored responses, their chains, conversations and items, on both databases."""

from __future__ import annotations

import pytest

from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.store import conversations, paging, response_items, responses, tables
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.response_items import Owner


def item(name: str) -> dict[str, object]:
    return {"id": name, "type": "message"}


def add(tx: Transaction, name: str, previous: str | None = None, conversation: str | None = None) -> None:
    responses.add(
        tx,
        {
            "id": name,
            "project": "p",
            "model": "m",
            "previous_response_id": previous,
            "response": {"id": name},
            "example_id": None,
        },
    )
    owner = Owner("p", name, conversation)
    response_items.add(tx, owner, [item(f"{name}-1"), item(f"{name}-2")])
    response_items.add(tx, owner, [item(f"{name}-3")], is_output=True)


def names(items: list[dict[str, object]]) -> list[object]:
    return [each["id"] for each in items]


def test_chain_items_are_oldest_first_and_fork(database: Database) -> None:
    with database.write() as tx:
        add(tx, "a")
        add(tx, "c", "a")
        add(tx, "b", "a")
        add(tx, "d", "b")
        found = names(responses.chain_items(tx, "p", "d"))
    assert found == [f"{name}-{number}" for name in "abd" for number in (1, 2, 3)]


def test_chain_of_hundreds_is_read(database: Database) -> None:
    with database.write() as tx:
        add(tx, "r0")
        for number in range(1, 300):
            add(tx, f"r{number}", f"r{number - 1}")
        assert len(responses.chain_items(tx, "p", "r299")) == 900


def test_chain_with_a_deleted_response_is_refused(database: Database) -> None:
    with database.write() as tx:
        add(tx, "a")
        add(tx, "b", "a")
        add(tx, "c", "b")
        responses.remove(tx, "a")
        for project, name, missing in (("p", "c", "a"), ("p", "x", "x"), ("other", "c", "c")):
            with pytest.raises(NotFoundError, match=f"^{missing}$"):
                responses.chain_items(tx, project, name)
        assert response_items.find(tx, "p", "a-1") is None


def test_items_stay_with_the_owner_that_is_left(database: Database) -> None:
    with database.write() as tx:
        conversations.add(tx, "p", "conv", {})
        add(tx, "a", conversation="conv")
        add(tx, "b", conversation="conv")
        assert response_items.remove(tx, "conv", "a-1")
        assert not response_items.remove(tx, "conv", "a-1")
        assert names(response_items.listed(tx, response_items.input_of("a"))) == ["a-1", "a-2"]
        responses.remove(tx, "a")
        of_conversation = response_items.of_conversation("conv")
        assert names(response_items.listed(tx, of_conversation)) == ["a-2", "a-3", "b-1", "b-2", "b-3"]
        conversations.remove(tx, "conv")
        assert response_items.find(tx, "p", "a-2") is None
        assert names(responses.chain_items(tx, "p", "b")) == ["b-1", "b-2", "b-3"]


def test_items_are_paged_both_ways(database: Database) -> None:
    with database.write() as tx:
        conversations.add(tx, "p", "conv", {})
        response_items.add(tx, Owner("p", conversation_id="conv"), [item(str(number)) for number in range(5)])
        conditions = response_items.of_conversation("conv")
        page = response_items.page(tx, conditions, after="1", limit=2, newest_first=False)
        assert (names(page.rows), page.has_more) == (["2", "3"], True)
        page = response_items.page(tx, conditions, after="1", limit=2, newest_first=True)
        assert (names(page.rows), page.has_more) == (["0"], False)
        with pytest.raises(NotFoundError):
            response_items.page(tx, conditions, after="9", limit=2, newest_first=True)


def test_what_is_read_at_once_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.write() as tx:
        add(tx, "a")
        add(tx, "b", "a")
        added = response_items.input_of("a")
        monkeypatch.setattr(paging, "MAX_CHARACTERS", len('{"id": "a-1", "type": "message"}') + 8)
        first = response_items.page(tx, added, after=None, limit=2, newest_first=False)
        second = response_items.page(tx, added, after="a-1", limit=2, newest_first=False)
        monkeypatch.setattr(paging, "MAX_CHARACTERS", 1)
        page = paging.page(tx, tables.responses, [], after=None, limit=5)
        with pytest.raises(UsageError, match="begin a new one"):
            responses.chain_items(tx, "p", "b")
    assert [(names(each.rows), each.has_more) for each in (first, second)] == [(["a-1"], True), (["a-2"], False)]
    assert ([row["id"] for row in page.rows], page.has_more) == (["b"], True)
