"""What applications said of calls that the gateway passed on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from fine_tuning.store import tables
from fine_tuning.store.records.gateway_calls import CallFeedback, FeedbackStatus
from fine_tuning.store.records.rows import records

_table = tables.call_feedback


def add(connection: Connection, feedback: CallFeedback) -> None:
    """Store feedback."""
    connection.execute(_table.insert().values(**feedback))


def is_known(connection: Connection, feedback_id: str) -> bool:
    """Whether feedback is stored."""
    return connection.execute(select(_table.c.id).where(_table.c.id == feedback_id)).first() is not None


def settle(connection: Connection, feedback: CallFeedback, status: FeedbackStatus, reason: str | None = None) -> None:
    """Note what became of feedback, and the call that it is of, which is known by now."""
    values = {"status": status, "reason": reason, "call_id": feedback["call_id"]}
    connection.execute(update(_table).where(_table.c.id == feedback["id"]).values(**values))


def waiting(connection: Connection, limit: int) -> list[CallFeedback]:
    """Feedback that waits for its call, which is stored now; oldest first."""
    calls = tables.gateway_calls
    is_its_call = (calls.c.project == _table.c.project) & (
        (calls.c.id == _table.c.call_id) | (_table.c.call_id.is_(None) & (calls.c.own_id == _table.c.own_id))
    )
    query = select(_table).where(_table.c.status == "waiting", select(calls.c.id).where(is_its_call).exists())
    return records(CallFeedback, connection.execute(query.order_by(_table.c.created_at).limit(limit)).mappings())


def remove_waiting(connection: Connection, until: datetime) -> None:
    """Delete the feedback from before a time whose call has not come."""
    connection.execute(delete(_table).where(_table.c.status == "waiting", _table.c.created_at < until))


def of_call(connection: Connection, call_id: str, project: str) -> list[CallFeedback]:
    """All that was said of a call of a project, oldest first; others may have named its id."""
    query = select(_table).where(_table.c.call_id == call_id, _table.c.project == project)
    found = connection.execute(query.order_by(_table.c.created_at, _table.c.id))
    return records(CallFeedback, found.mappings())
