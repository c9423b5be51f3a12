"""What is fetched from a tool."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from fine_tuning.errors import UsageError


@dataclass(frozen=True)
class Query:
    """A window of time, which does not move while it is read, and a project.

    Attributes:
        since: calls that started at or after this time; None for all.
        until: calls that started before it.
        project: its name or id; None for the one of the settings.
    """

    since: datetime | None = None
    until: datetime = field(default_factory=lambda: datetime.now(UTC))
    project: str | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.since >= self.until:
            raise UsageError("since must be before until, and not in the future")


def parse_query(since: str | None, until: str | None, project: str | None = None) -> Query:
    """A query of times in ISO 8601, in UTC where they name no zone; until is now by default.

    Raises:
        UsageError: a time cannot be read.
    """
    moments = (_moment("since", since), _moment("until", until) or datetime.now(UTC))
    return Query(moments[0], moments[1], project)


def _moment(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{name} is not an ISO 8601 time: {text!r}; write 2026-01-31 or 2026-01-31T12:00") from None
