"""Calls that the gateway passed on, and what was said of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict

from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.rows import JsonColumn

Role = Literal["incumbent", "candidate", "shadow", "fallback", "cache"]
"""What a target was to the call of a route."""


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
    own_id: str | None
    bytes: int
    route: str | None
    revision: int | None
    target: str | None
    role: Role | None
    pair_id: str | None
    arm: Arm | None
    is_cancelled: bool | None
    was_slower: bool | None
    is_in_form: bool | None
    answer: JsonColumn | None


FeedbackStatus = Literal["waiting", "applied", "refused"]


class CallFeedback(TypedDict):
    """A row of `call_feedback`: of the call `call_id`, or of the application's own id."""

    id: str
    project: str
    call_id: str | None
    own_id: str | None
    rating: int | None
    correction: str | None
    metrics: dict[str, float]
    comment: str | None
    status: FeedbackStatus
    reason: str | None
    created_at: datetime
