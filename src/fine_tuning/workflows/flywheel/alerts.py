"""Alerts of the flywheel: recorded, and sent to the channels of the settings.

They are sent in a process of its own: apprise takes as much as a channel's host answers, for as long as it answers.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from fine_tuning._util.limited_process import Limits, exit_code
from fine_tuning.errors import MissingDependencyError, UsageError
from fine_tuning.store import flywheels
from fine_tuning.store.column_types import now
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
_SUBJECT = 300  # characters
SECONDS = 60.0  # for all channels
MEMORY_BYTES = 2 << 30  # of address space
_PROGRAM = """
import json, sys
from apprise import Apprise, AppriseAsset
asset = AppriseAsset()
asset.http_redirects = False  # to a host that nobody named
channels, alert = Apprise(asset=asset), json.load(sys.stdin)
channels.add(alert["channels"])
sys.exit(not channels.notify(title=alert["subject"], body=alert["body"]))
"""


def check_channels(workspace: Workspace) -> None:
    """Check what alerts need.

    Raises:
        MissingDependencyError: there are channels, and apprise is not installed.
        UsageError: a channel is not an address that apprise knows.
    """
    addresses = workspace.settings.alerts
    if addresses is None:
        return
    try:
        from apprise import Apprise
    except ImportError as error:
        raise MissingDependencyError("apprise", "flywheel", "alerts") from error
    with _quiet():
        is_known = Apprise().add(addresses.get_secret_value())
    if not is_known:
        raise UsageError("FINE_TUNING_ALERTS has an address that apprise does not know; it is not shown here")


def send(workspace: Workspace, place: tuple[str, str], subject: str, body: str) -> None:
    """Send an alert about a route; what a channel does not take is logged, and delays nothing.

    Args:
        place: project and route.
    """
    channels = workspace.settings.alerts
    is_delivered = channels is not None and _is_sent(channels.get_secret_value(), subject, body)
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


def _is_sent(channels: str, subject: str, body: str) -> bool:
    """Whether all channels took an alert in time."""
    alert = json.dumps({"channels": channels, "subject": subject, "body": body})
    return exit_code(_PROGRAM, Limits(SECONDS, MEMORY_BYTES), given=alert) == 0


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
