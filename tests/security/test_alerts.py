"""Hosts of alerts: a webhook that answers as it likes holds the flywheel up for a while, and gets no further host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fine_tuning.store import flywheels
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.flywheel import alerts
from tests.security.lying_host import Reply, lying_host

PLACE = ("default", "triage")


def delivered() -> bool:
    """Whether an alert counts as delivered."""
    workspace = open_workspace()
    alerts.send(workspace, PLACE, "triage: it begins", "by hand")
    with workspace.database.read() as tx:
        return flywheels.alerts(tx, *PLACE)[0]["is_delivered"]


def test_webhook_that_drips_or_redirects_is_left(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            yield b"."
            time.sleep(0.05)

    with lying_host() as liar, lying_host() as other:
        monkeypatch.setenv("FINE_TUNING_ALERTS", f"{liar.url.replace('http', 'json', 1)}/alerts?+X-Token=secret")
        other.replies["/alerts"] = liar.replies["/alerts"] = lambda _: Reply([b"taken"])
        assert delivered()
        elsewhere = f"{other.url.replace('127.0.0.1', 'localhost')}/alerts"
        liar.replies["/alerts"] = lambda _: Reply([], 307, {"Location": elsewhere})
        assert not delivered()
        assert other.asked == []
        monkeypatch.setattr(alerts, "SECONDS", 3.0)
        liar.replies["/alerts"] = lambda _: Reply(drip())
        started = time.monotonic()
        assert not delivered()
        assert time.monotonic() - started < 20
    assert [path for path, _ in liar.bodies] == ["/alerts"] * 3
