"""For everybody: screen readers, keyboards, small screens, dark rooms, and connections that break."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from fine_tuning import ABTestFramework, CostTracker, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.route_policy import RoutePolicy
from fine_tuning.store import bakeoffs
from fine_tuning.store.workspace import open_workspace
from tests.dashboard.conftest import Open, Serving
from tests.dashboard.test_bakeoffs import result
from tests.dashboard.test_safety import PAGES

SERIOUS = ("serious", "critical")
HOST = "https://api.openai.com/v1"


@pytest.fixture
def filled(workspace: object) -> None:
    """Something on every page."""
    for number in range(3):
        DistillationDataCollector().capture_success(f"Question {number}", f"Answer {number}", "d", "chat", rating=3)
    registry = ModelRegistry()
    registry.register_model(
        "bot", "gpt-4o-mini", "job-1", 500, 0.9, provider="https://api.openai.com/v1", provider_model="ft:x"
    )
    registry.register_model(
        "bot", "gpt-4o-mini", "job-2", 600, 0.95, provider="https://api.openai.com/v1", provider_model="ft:y"
    )
    registry.deploy_model("bot", 1, force=True)
    framework = ABTestFramework()
    framework.create_test("trial", "bot-v1", "bot-v2", split=0.5)
    for number in range(60):
        for arm in ("model_a", "model_b"):
            framework.record_sample("trial", arm, "x", "x" if number % 3 or arm == "model_b" else "y", 100.0, 0.001)
    policy = RoutePolicy.of({"incumbent": "openai/gpt-4o", "candidate": "openai/gpt-4o-mini", "shadow": {}})
    route_changes.save(open_workspace(), "default", "triage", policy, Change("cli", "me", "begin"))
    for _ in range(3):
        CostTracker().record_inference("bot", 100, 0.01, True)
    results = [result("gpt-4o", 0.94, 0.004, None), result("head", 0.93, 0.000_001, -0.01)]
    with open_workspace().database.write() as tx:
        bakeoffs.add(tx, {"test_hash": "a" * 64, "plan": {}, "results": list(results), "winner": "head"})


def problems(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in SERIOUS]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_serious_accessibility_violation(address: str, open_page: Open, scheme: str) -> None:
    page = open_page("about:blank", color_scheme=scheme)
    for path in (*PAGES, "/routes/default/triage", "/models/bot", "/experiments/trial", "/bakeoffs/1"):
        page.goto(address + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(300)
        assert problems(page) == [], path


@pytest.mark.usefixtures("filled")
def test_pages_fit_phone_width(address: str, open_page: Open) -> None:
    page = open_page("about:blank", viewport={"width": 400, "height": 800})
    for path in (*PAGES, "/routes/default/triage", "/models/bot", "/experiments/trial", "/bakeoffs/1"):
        page.goto(address + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_function("document.documentElement.scrollWidth <= 400")  # once all of it is laid out


LATE = """
const Real = window.WebSocket;
window.WebSocket = class extends Real {
    get onopen() { return super.onopen; }
    set onopen(tell) { super.onopen = (...told) => setTimeout(() => tell.apply(this, told), 3000); }
};
"""


def test_page_ignores_clicks_before_socket_connects(address: str, open_page: Open) -> None:
    page = open_page("about:blank")
    page.add_init_script(LATE)
    page.goto(f"{address}/playground")
    expect(page.locator(".main h1")).to_be_visible()
    assert page.evaluate("[window.did_handshake, document.querySelector('.main').inert]") == [False, True]
    page.get_by_label("Prompt").click()  # waits as a person has to
    assert page.evaluate("[window.did_handshake, document.querySelector('.main').inert]") == [True, False]


def test_theme_dark_is_remembered(address: str, open_page: Open) -> None:
    page = open_page(address, color_scheme="light")
    page.get_by_role("button", name="Light / dark").click()
    expect(page.locator("body.body--dark")).to_be_visible()
    page.goto(f"{address}/jobs")
    expect(page.locator("body.body--dark")).to_be_visible()
    page.get_by_role("button", name="Light / dark").click()
    expect(page.locator("body.body--light")).to_be_visible()


@pytest.mark.cold_start
@pytest.mark.usefixtures("workspace")
def test_page_lost_connection_is_shown_and_restored(open_page: Open, serving: Serving) -> None:
    with serving("ui") as address:
        page = open_page(f"{address}/jobs")
        expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    expect(page.get_by_text("Connection lost")).to_be_visible()
    with serving("ui", port=int(address.rpartition(":")[2])):
        expect(page.get_by_text("Connection lost")).to_be_hidden()
        expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Costs").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Costs")
