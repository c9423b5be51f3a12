"""Calls that the gateway passed on."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fine_tuning.store.records.rows import JsonColumn


class GatewayCall(TypedDict):
    """A row of `gateway_calls`. Times are seconds, `cost` US dollars; None is unknown."""

    id: str
    project: str
    upstream: str
    path: str
    model: str | None
    status: int | None
    is_whole: bool
    is_delivered: bool
    seconds: float | None
    first_byte_seconds: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    unit: str | None
    conversation: str | None
    metadata: JsonColumn
    example_id: str | None
    not_captured: str | None
    started_at: datetime
