"""How long calls of the gateway are kept, by age and by size."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from fine_tuning.settings import Settings
from fine_tuning.store import call_feedback, gateway_calls, unused_examples
from fine_tuning.store.column_types import now
from fine_tuning.store.workspace import Workspace

BLOCK = 500
FEEDBACK_WAITS = timedelta(days=30)  # for a call, which is stored some seconds after its answer or never
_MIB = 1 << 20


def remove_old(workspace: Workspace) -> int:
    """Delete the calls that are too old or too many, and their examples, but those that somebody rated or used; and
    feedback whose call never came.

    Returns the number of deleted calls. What they cost stays in the ledger.
    """
    with workspace.database.write() as tx:
        call_feedback.remove_waiting(tx, now() - FEEDBACK_WAITS)
    until = _limit(workspace)
    removed = 0
    while until is not None:
        with workspace.database.write() as tx:
            found = gateway_calls.remove_until(tx, until, BLOCK)
            unused_examples.forget(tx, Counter(each for each in found if each is not None))
        removed += len(found)
        if len(found) < BLOCK:
            break
    return removed


def _limit(workspace: Workspace) -> datetime | None:
    """The time until which calls are deleted."""
    settings: Settings = workspace.settings
    limits: list[datetime] = []
    if settings.capture_days is not None:
        limits.append(now() - timedelta(days=settings.capture_days))
    if settings.capture_mib is not None:
        with workspace.database.read() as tx:
            found = gateway_calls.oldest_within(tx, settings.capture_mib * _MIB)
        limits += [] if found is None else [found]
    return max(limits, default=None)
