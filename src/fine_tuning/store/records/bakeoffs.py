"""Bake-offs."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fine_tuning.store.records.rows import JsonColumn


class NewBakeoff(TypedDict):
    """A bake-off before it is stored; see `tables.bakeoffs`."""

    test_hash: str
    plan: JsonColumn
    results: list[object]
    winner: str | None


class Bakeoff(NewBakeoff):
    """A row of `bakeoffs`."""

    id: int
    created_at: datetime
