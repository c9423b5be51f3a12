"""One question to two models side by side, and what a vote leaves behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fine_tuning.distillation import DistillationDataCollector
from tests.dashboard.conftest import Open, Serving

MODEL_MS = 120_000  # milliseconds in which a model has been loaded and has answered


@pytest.mark.cold_start
def test_playground_page_two_answers_and_vote_record_a_pair(
    open_page: Open, tiny_model_dir: Path, workspace: Path, serving: Serving
) -> None:
    with serving("serve", "--slots", "0", "--alias", f"tiny={tiny_model_dir}") as address:
        page = open_page(f"{address}/playground")
        for side in ("Model A", "Model B"):
            page.get_by_label(side, exact=True).get_by_role("combobox").click()
            page.get_by_role("option", name="tiny").click()
            expect(page.get_by_role("option")).to_have_count(0)  # the list is closed
            expect(page.get_by_role("combobox", name=side)).to_have_value("tiny")
        page.get_by_label("Max tokens").fill("24")
        for question in ("What is the capital of France?", "And of <b>Spain</b>?"):  # the model stays open in between
            _ask(page, question)
            page.get_by_role("button", name="A is better").click()
            expect(page.get_by_text("recorded as a preference pair")).to_be_visible()
            page.get_by_role("button", name="B is better").click()
            expect(page.get_by_text("these answers already have a vote")).to_be_visible()
            page.get_by_role("button", name="Close").click()
            expect(page.get_by_role("alert")).to_have_count(0, timeout=30_000)
        page.get_by_role("region", name="Model B").get_by_role("button", name="Save as an example rated 5").click()
        expect(page.get_by_text("saved as an example rated 5")).to_be_visible()
        page.get_by_label("Max tokens").fill("1900")
        regions = [page.get_by_role("region", name=side) for side in ("Model A", "Model B")]
        for _ in range(20):  # the tiny model may end an answer before it is stopped
            page.get_by_role("button", name="Send to both").click()
            page.get_by_role("button", name="Stop").click()
            for region in regions:
                expect(region).to_contain_text(re.compile(r" s, |stopped"))
            if all("stopped" in region.inner_text() for region in regions):
                break
        for region in regions:
            expect(region).to_contain_text("stopped")
        page.get_by_role("button", name="A is better").click()  # a part of an answer
        expect(page.get_by_text("send the same prompt to both models first").last).to_be_visible()
    collector = DistillationDataCollector()
    pairs = collector.get_preferences()
    assert {pair["prompt"] for pair in pairs} == {"What is the capital of France?", "And of <b>Spain</b>?"}
    assert all(pair["chosen"] != pair["rejected"] for pair in pairs)
    kept = collector.find_examples()
    assert {(each["domain"], each["model_used"]) for each in kept} == {("playground", str(tiny_model_dir))}
    (lost,) = [pair["rejected"] for pair in pairs if "Spain" in pair["prompt"]]
    assert [each["rating"] for each in kept if each["response"] == lost] == [5]  # the last word counts


def _ask(page: Page, question: str) -> None:
    """Ask until neither answer is empty: weights that were never trained may end one at once."""
    sides = [page.get_by_role("region", name=side) for side in ("Model A", "Model B")]
    prompt = page.get_by_label("Prompt")
    while prompt.input_value() != question:
        prompt.fill(question)  # a list that closes late takes the focus, and what is being filled in, away
    for _ in range(20):
        before = [side.inner_text() for side in sides]
        page.get_by_role("button", name="Send to both").click()
        for side, text in zip(sides, before, strict=True):
            expect(side).not_to_have_text(text, timeout=MODEL_MS, use_inner_text=True)
            expect(side).to_contain_text(" s, ", timeout=MODEL_MS)
        if not any("an empty answer" in side.inner_text() for side in sides):
            break
