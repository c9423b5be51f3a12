"""A job that trains while somebody watches and steers it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from fine_tuning import LocalFineTuner
from tests.dashboard.conftest import Open

POINTS = """() => {
    const chart = getElement(parseInt(document.querySelector('.chart').id.slice(1))).chart;
    return (chart?.getOption().series[0]?.data ?? []).length;
}"""


def points(page: Page, more_than: int) -> int:
    """How many losses the curve has, once there are more than so many."""
    until = time.monotonic() + 60
    while (found := int(page.evaluate(POINTS))) <= more_than:
        assert time.monotonic() < until
        page.wait_for_timeout(100)
    return found


def test_job_page_shows_live_curve_and_controls_the_job(
    address: str, open_page: Open, tiny_model_dir: Path, tmp_path: Path
) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Add {n} and 1"},
                {"role": "assistant", "content": f"It is {n + 1}"},
            ]
        }
        for n in range(40)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tuner = LocalFineTuner()
    job = tuner.create_fine_tuning_job(str(tiny_model_dir), tuner.upload_training_file(file), n_epochs=2000)
    page = open_page(f"{address}/jobs/{job['job_id']}")
    first = points(page, 0)
    assert points(page, first) > first
    expect(page.locator("dl.facts")).to_contain_text("Tokens per second")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text(": paused")
    assert tuner.get_job_status(job["job_id"])["status"] == "paused"
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_contain_text(": running")
    before = points(page, 0)
    assert points(page, before) > before
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_role("status")).to_contain_text(": cancelled")
    page.goto(f"{address}/jobs?status=cancelled")
    expect(page.get_by_role("region", name="Jobs")).to_contain_text(job["job_id"])
