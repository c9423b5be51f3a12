"""Times of a schedule, as cron writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fine_tuning.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger


def times(schedule: str) -> CronTrigger:
    """The times of a schedule, UTC.

    Raises:
        UsageError: it is none.
        MissingDependencyError: apscheduler is not installed.
    """
    try:
        from apscheduler.triggers.cron import CronTrigger
    except ImportError as error:
        raise MissingDependencyError("apscheduler", "flywheel", "a schedule") from error
    try:
        return CronTrigger.from_crontab(schedule, timezone=UTC)
    except ValueError as error:
        raise UsageError(
            f"{schedule!r} is no schedule: {error}; write minute hour day month weekday, such as 0 4 * * mon"
        ) from None


def is_due(schedule: str, since: datetime, now: datetime) -> bool:
    """Whether a time of the schedule has come since a moment."""
    following = times(schedule).get_next_fire_time(since, since)
    return following is not None and following <= now
