"""Bake-offs know which of their calls earlier ones were decided on."""

from __future__ import annotations

from fine_tuning.store import bakeoffs
from fine_tuning.store.bakeoffs import Looks
from fine_tuning.store.database import Database
from fine_tuning.store.records.bakeoffs import NewBakeoff


def decided(name: str) -> NewBakeoff:
    return {"test_hash": name * 64, "plan": {}, "results": [], "winner": None}


def test_looks_are_those_of_earlier_bakeoffs_on_any_of_the_calls(database: Database) -> None:
    with database.write() as tx:
        old = bakeoffs.add(tx, decided("a"))  # as before the calls were kept
        first = bakeoffs.add(tx, decided("a"), ["1", "2", "3"])
        other = bakeoffs.add(tx, decided("b"), ["7", "8"])
        second = bakeoffs.add(tx, decided("c"), ["2", "3", "4", "3"])
        third = bakeoffs.add(tx, decided("d"), ["1", "4", "7", "9"])
        found = [bakeoffs.earlier_looks(tx, each) for each in (old, first, other, second, third)]
    assert found == [Looks(0, 0), Looks(1, 3), Looks(0, 0), Looks(1, 2), Looks(3, 3)]
