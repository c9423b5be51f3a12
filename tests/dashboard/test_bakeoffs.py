"""Bake-offs in a browser: all of them, and one with its plot and table."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from fine_tuning.store import bakeoffs
from fine_tuning.store.workspace import open_workspace
from tests.dashboard.conftest import Open


def result(name: str, quality: float, cost: float | None, apart: float | None, **more: Any) -> dict[str, Any]:
    """A candidate as a bake-off stores it."""
    unknown = {"value": None, "low": None, "high": None}
    known = {"value": apart, "low": (apart or 0) - 0.02, "high": (apart or 0) + 0.02}
    return {
        "name": name,
        "quality": {"value": quality, "low": quality - 0.02, "high": quality + 0.02},
        "difference": unknown if apart is None else known,
        "not_worse": True,
        "latency_p50": {"value": 12.5, "low": 11.0, "high": 14.0},
        "cost_per_call": {"value": cost, "low": cost, "high": cost},
        "investment": 0.5,
        "worse_slices": [],
        **more,
    }


@pytest.fixture
def baked(workspace: object) -> None:
    """Two bake-offs on one test part; the second names a head."""
    results = [
        result("gpt-4o", 0.94, 0.004, None),
        result("head: <b>TF-IDF</b>", 0.93, 0.000_001, -0.01, worse_slices=["domain=shop (-8.0% of 40)"]),
        result("free: small", 0.4, None, -0.54, not_worse=False),
    ]
    plan = {"dataset": "calls.jsonl", "incumbent": "gpt-4o", "margin": 0.03, "metric": "exact_match"}
    with open_workspace().database.write() as tx:
        for winner in (None, "head: <b>TF-IDF</b>"):
            bakeoffs.add(tx, {"test_hash": "a" * 64, "plan": plan, "results": results, "winner": winner})


@pytest.mark.usefixtures("baked")
def test_bakeoff_is_shown_with_its_winner_plot_and_looks(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/bakeoffs")
    rows = page.get_by_role("region", name="Bake-offs").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("head: <b>TF-IDF</b>")
    expect(rows.nth(2)).to_contain_text("none")
    page.get_by_role("link", name="2", exact=True).click()
    expect(page.get_by_text("The cheapest that is not worse by 0.03: head: <b>TF-IDF</b>.")).to_be_visible()
    expect(page.get_by_text("Calls of its test part were looked at once before")).to_be_visible()
    table = page.get_by_role("region", name="Candidates")
    expect(
        table.get_by_role("row", name=re.compile(r"winner.* 93.0% .*-1.0 \(-3.0 to \+1.0\) yes 12.5"))
    ).to_be_visible()
    expect(table.get_by_role("row", name=re.compile(r"^free: small 40.0% .* no 12.5"))).to_be_visible()
    expect(page.get_by_text("domain=shop (-8.0% of 40)")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(1)
    page.goto(f"{address}/bakeoffs/1")
    expect(page.get_by_text("No cheaper candidate is shown not to be worse by 0.03.")).to_be_visible()
    expect(page.get_by_text("looked at")).to_have_count(0)


@pytest.mark.parametrize("number", ["7", "x", "9" * 40, "-1", "1.5"])
def test_bakeoff_that_there_is_not_is_told(address: str, open_page: Open, number: str) -> None:
    page = open_page(f"{address}/bakeoffs/{number}")
    expect(page.get_by_text("No bake-off")).to_be_visible()
