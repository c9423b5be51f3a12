"""Feedback on calls of the gateway: ratings, better answers and figures."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from fine_tuning.distillation.ratings import THUMBS_DOWN, THUMBS_UP
from fine_tuning.gateway import feedback
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.context import Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.request_model import BEYOND, Number, RequestModel, supported
from fine_tuning.store.column_types import now
from fine_tuning.store.records.gateway_calls import CallFeedback, FeedbackStatus

router = APIRouter(prefix="/feedback", route_class=JsonRoute, tags=["Feedback"])
MAX_TEXT, MAX_METRICS = 1 << 20, 64
_SAYS = ("thumb", "rating", "correction", "metrics", "comment")
_THUMBS = {"up": THUMBS_UP, "down": THUMBS_DOWN}
MetricName = Annotated[str, Field(min_length=1, max_length=64)]


class GiveFeedback(RequestModel):
    """What an application says of a call: of `call_id`, or of `id`; at least one of the other fields."""

    call_id: str | None = supported(f"the response header x-ft-call-id; {BEYOND}", min_length=1, max_length=80)
    id: str | None = supported(
        f"the application's own, sent in the header x-ft-id; {BEYOND}", min_length=1, max_length=200
    )
    thumb: Literal["up", "down"] | None = supported(f"a rating of 5 or 1; {BEYOND}")
    rating: int | None = supported(f"1 (useless) to 5 (perfect); {BEYOND}", ge=1, le=5)
    correction: str | None = supported(
        f"what the answer should have been; a preference pair with it; {BEYOND}", min_length=1, max_length=MAX_TEXT
    )
    metrics: dict[MetricName, Number] | None = supported(f"numbers by name; {BEYOND}", max_length=MAX_METRICS)
    comment: str | None = supported(BEYOND, max_length=MAX_TEXT)


class Feedback(BaseModel):
    """What became of it: `waiting` until the call is stored, seconds after its answer; `refused` with the reason."""

    object: Literal["feedback"] = "feedback"
    id: str
    call_id: str | None
    status: FeedbackStatus
    reason: str | None


@router.post("", response_model=Feedback)
def give(server: Server, project: Project, body: GiveFeedback) -> Feedback:
    """Say how good the answer of a call was, at any time."""
    _check(body)
    given: CallFeedback = {
        "id": f"feedback_{uuid.uuid4().hex}",
        "project": project,
        "call_id": body.call_id,
        "own_id": body.id,
        "rating": body.rating if body.thumb is None else _THUMBS[body.thumb],
        "correction": body.correction,
        "metrics": body.metrics or {},
        "comment": body.comment,
        "status": "waiting",
        "reason": None,
        "created_at": now(),
    }
    found = feedback.give(server.workspace, given)
    return Feedback(id=found["id"], call_id=found["call_id"], status=found["status"], reason=found["reason"])


def _check(body: GiveFeedback) -> None:
    if (body.call_id is None) == (body.id is None):
        raise invalid("name the call: either call_id (of the header x-ft-call-id) or id (your own x-ft-id)", "call_id")
    if all(getattr(body, name) is None for name in _SAYS):
        raise invalid(f"say something of the call: {', '.join(_SAYS)}", "rating")
    if body.thumb is not None and body.rating is not None:
        raise invalid("give either thumb or rating", "thumb")
    body.check_storable()
