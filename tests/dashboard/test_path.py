"""A person's path from an empty workspace to a deployed model, and back to the one before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from fine_tuning import ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.settings import get_settings
from fine_tuning.store import jobs
from fine_tuning.store.database import open_database
from tests.dashboard.conftest import Open, Serving


def go(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_dashboard_from_empty_workspace_to_deployment_and_rollback(
    open_page: Open, tiny_model_dir: Path, workspace: Path, serving: Serving
) -> None:
    with serving("serve", "--alias", f"tiny={tiny_model_dir}") as address:
        _walk(open_page(address))


def _walk(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.get_by_text("no calls have been captured yet")).to_be_visible()
    for name in ("Review", "Datasets", "Jobs", "Models", "Experiments", "Costs"):
        go(page, name)
        expect(page.locator(".empty").first).to_be_visible()

    _capture(24)
    go(page, "Overview")
    expect(page.get_by_text("24 captured calls are waiting for a rating")).to_be_visible()
    go(page, "Review")
    expect(page.get_by_role("status")).to_have_text("24 waiting")
    for _ in range(3):
        page.keyboard.press("5")
    expect(page.get_by_role("status")).to_have_text("21 waiting")

    go(page, "Datasets")
    page.get_by_text("Build a dataset").click()
    page.get_by_label("Name").fill("sums")
    page.get_by_role("button", name="Build", exact=True).dblclick()  # a double click is one click, here and below
    expect(page.get_by_role("heading", level=1)).to_have_text("sums")
    expect(page.get_by_role("region", name="Splits")).to_contain_text("train")

    for _ in range(2):
        _train_and_register(page)
    with open_database().read() as tx:
        assert len(jobs.newest(tx, 5)) == 2
    page.get_by_role("button", name="Deploy version 1").dblclick()
    page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", name="Version 1: deployed")).to_be_visible()
    page.get_by_role("button", name="Deploy version 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", name="Version 2: deployed")).to_be_visible()
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("heading", name="Version 1: deployed")).to_be_visible()
    page.get_by_role("button", name="Export", exact=True).click()
    made = page.get_by_role("region", name="Exports, newest first")
    expect(made).to_contain_text("gguf", timeout=120_000)
    (folder,) = (get_settings().folder("exports")).iterdir()
    assert folder.name == "sums-v2-gguf-f16"
    assert (folder / "sums-v2.f16.gguf").is_file()
    page.get_by_role("button", name="Export", exact=True).click()  # once more: it is there already
    expect(page.get_by_role("alert")).to_contain_text("is not empty")

    history: list[dict[str, Any]] = ModelRegistry().history("sums")
    moves = [(each["version"], each["after"]) for each in history if each["after"] == "DEPLOYED"]
    assert moves == [(1, "DEPLOYED"), (2, "DEPLOYED"), (1, "DEPLOYED")]
    assert all(re.fullmatch("guest-[0-9a-f]{4}", each["actor"]) for each in history)
    go(page, "Overview")
    expect(page.get_by_role("list", name="Steps of the loop")).to_contain_text("2 versions")


def _capture(count: int) -> None:
    collector = DistillationDataCollector()
    for number in range(count):
        question = f"Please add the numbers {number} and {number + 7} for me, and say it in words."
        answer = f"The sum of {number} and {number + 7} is {2 * number + 7}, as you can check by counting on."
        collector.capture_success(question, answer, "sums", "chat", rating=4)


def _train_and_register(page: Page) -> None:
    go(page, "Jobs")
    page.get_by_text("Start a job on this machine").click()
    page.get_by_label("Epochs").fill("3")
    for label, option in (("Base model", "tiny"), ("Training file", "sums, train")):  # the last one is estimated
        page.get_by_label(label).click()
        page.get_by_role("option", name=option).click()
    expect(page.get_by_text("training tokens")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Job")
    expect(page.get_by_role("status")).to_contain_text("succeeded", timeout=120_000)
    expect(page.locator("dl.facts")).to_contain_text("Training loss")
    curve = page.evaluate("""() => {
        const found = document.querySelector('.chart canvas');
        return found !== null && found.width > 0;
    }""")
    assert curve
    page.get_by_label("Model name").fill("sums")
    page.get_by_role("button", name="Register model").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("sums")
