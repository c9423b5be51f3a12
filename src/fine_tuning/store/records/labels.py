"""Answers that were bought as labels."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, TypedDict

from fine_tuning.store.records.rows import JsonColumn


class LabelKey(NamedTuple):
    """Which call it is: hashes of the settings and of the request, and the number of the answer among several."""

    settings: str
    request: str
    sample: int = 0


class LabelCall(TypedDict):
    """A row of `label_calls`; costs are US dollars, None is unknown."""

    settings: str
    request: str
    sample: int
    batch: str | None
    reserved: float | None
    cost: float | None
    answer: JsonColumn | None
    asked_at: datetime
    answered_at: datetime | None


class LabelBatch(TypedDict):
    """A row of `label_batches`."""

    key: str
    settings: str
    host_id: str | None
    created_at: datetime
    ended_at: datetime | None
