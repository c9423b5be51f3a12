"""Alerts of the flywheel: recorded, and sent to the channels of the settings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fine_tuning.errors import MissingDependencyError, UsageError
from fine_tuning.store import flywheels
from fine_tuning.store.column_types import now
from fine_tuning.store.workspace import Workspace

if TYPE_CHECKING:
    from apprise import Apprise

_log = logging.getLogger(__name__)
_SUBJECT = 300  # characters


def check_channels(workspace: Workspace) -> None:
    """Check what alerts need.

    Raises:
        MissingDependencyError: there are channels, and apprise is not installed.
        UsageError: a channel is not an address that apprise knows.
    """
    _channels(workspace)


def send(workspace: Workspace, place: tuple[str, str], subject: str, body: str) -> None:
    """Send an alert about a route; what a channel does not take is logged, and delays nothing.

    Args:
        place: project and route.
    """
    channels = _channels(workspace)
    with _quiet():
        is_delivered = channels is not None and bool(channels.notify(title=subject, body=body))
    if channels is not None and not is_delivered:
        _log.warning("the alert %r reached not every channel of FINE_TUNING_ALERTS", subject)
    project, route = place
    with workspace.database.write() as tx:
        flywheels.add_alert(
            tx,
            {
                "project": project,
                "route": route,
                "subject": subject[:_SUBJECT],
                "body": body,
                "is_delivered": is_delivered,
                "created_at": now(),
            },
        )


def _channels(workspace: Workspace) -> Apprise | None:
    addresses = workspace.settings.alerts
    if addresses is None:
        return None
    try:
        from apprise import Apprise
    except ImportError as error:
        raise MissingDependencyError("apprise", "flywheel", "alerts") from error
    found = Apprise()
    with _quiet():
        is_known = found.add(addresses.get_secret_value())
    if not is_known:
        raise UsageError("FINE_TUNING_ALERTS has an address that apprise does not know; it is not shown here")
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """No line of apprise, which would show an address with its password; nor what Python says of its imports."""
    logger = logging.getLogger("apprise")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
