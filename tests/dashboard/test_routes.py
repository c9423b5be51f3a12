"""Routes of the gateway in a browser: all of them, one with its traffic, and its changes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fine_tuning.gateway import route_changes
from fine_tuning.gateway.recorder import SPOOL, Recorder
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.route_policy import RoutePolicy
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.store import flywheels, routes
from fine_tuning.store.workspace import open_workspace
from tests.dashboard.conftest import Open
from tests.dashboard.test_calls import exchange

BASE = "local/smollm2-135m-instruct"


@pytest.fixture
def route(workspace: Path) -> None:
    """A route with a call of its incumbent that the candidate was asked in shadow, too, and one that failed."""
    opened = open_workspace()
    policy = RoutePolicy.of({"incumbent": "openai/gpt-4o", "candidate": BASE, "shadow": {"share": 1.0}})
    route_changes.save(opened, "default", "triage", policy, Change("cli", "me", "begin"))
    recorder = Recorder(opened.settings.folder(SPOOL))
    for number, (role, target) in enumerate((("incumbent", "openai/gpt-4o"), ("shadow", BASE), ("incumbent", "x/y"))):
        made = exchange(f"call_{number}", "Where is my parcel?", 500 if target == "x/y" else 200)
        made.route = {
            "name": "triage",
            "revision": 1,
            "target": target,
            "role": role,
            "pair_id": "call_0" if role == "shadow" else None,
            "arm": None,
            "waited": 0.0,
            "unit": None,
        }
        recorder.record(made)
    recorder.close()
    store_spool(opened, opened.settings.folder(SPOOL))


@pytest.mark.usefixtures("route")
def test_route_is_shown_promoted_and_returned(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/routes")
    page.get_by_role("link", name="triage").click()
    expect(page.get_by_text("openai/gpt-4o answers all calls.")).to_be_visible()
    traffic = page.get_by_role("region", name="Traffic by target")
    expect(traffic.get_by_role("row", name=re.compile("^incumbent: openai.gpt-4o 1 0 2.00 2.00 1.00"))).to_be_visible()
    expect(traffic.get_by_role("row", name=re.compile("^incumbent: x.y 1 1 - - -"))).to_be_visible()
    expect(page.get_by_text("agreement with the incumbent: 100.0%")).to_be_visible()
    page.get_by_role("button", name="Promote the candidate").click()
    page.get_by_role("dialog").get_by_role("button", name="Promote the candidate").click()
    expect(page.get_by_text(f"{BASE} answers all calls.")).to_be_visible()
    page.get_by_role("button", name="Return to the incumbent").click()
    page.get_by_role("dialog").get_by_role("button", name="Return to the incumbent").click()
    expect(page.get_by_text("openai/gpt-4o answers all calls.")).to_be_visible()
    with open_workspace().database.read() as tx:
        changes = [(each["action"], each["changed_by"]) for each in routes.history(tx, "default", "triage")]
    assert changes == [("set", "cli"), ("promote", "dashboard"), ("return", "dashboard")]
    page.goto(f"{address}/routes/default/nobody")
    expect(page.get_by_text("no route nobody in project default")).to_be_visible()


@pytest.mark.usefixtures("route")
def test_standing_loop_is_shown(address: str, open_page: Open) -> None:
    found = [
        {"kind": "inputs", "compared": 80, "evidence": 4.0, "needed": 66.7, "is_drift": False},
        {"kind": "quality", "compared": 41, "evidence": 99.0, "needed": 66.7, "is_drift": True},
    ]
    with open_workspace().database.write() as tx:
        run = flywheels.begin(tx, ("default", "triage"), "quality: has drifted <b>", {}, "bakeoff")
        flywheels.move(tx, run["id"], "shadow", "waiting", "12 more answers")
        for hour in (1, 2):
            at = datetime(2026, 11, 30, hour, tzinfo=UTC)
            flywheels.add_look(tx, {"project": "default", "route": "triage", "found": found, "created_at": at})
    page = open_page(f"{address}/routes/default/triage")
    runs = page.get_by_role("region", name="Runs, newest first")
    expect(runs.get_by_role("row", name=re.compile("quality: has drifted <b> waiting shadow 12 more"))).to_be_visible()
    drift = page.get_by_role("region", name="The last look for drift")
    expect(drift.get_by_role("row", name=re.compile("^quality 41 99 66.7 yes"))).to_be_visible()
    expect(page.get_by_text("Alerts")).to_have_count(0)
