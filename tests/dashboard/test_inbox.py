"""The inbox in two browsers at once, by keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.review_weights import uniform_number
from tests.dashboard.conftest import Open


def capture(count: int) -> tuple[DistillationDataCollector, list[str]]:
    """Calls that nothing speaks for, and their questions in the order in which they are asked."""
    collector, asked = DistillationDataCollector(), dict[str, str]()
    for number in range(count):
        question = f"Question {number:02}"
        asked[collector.capture_success(question, f"Answer {number:02}", f"d{number % 2}", "chat", rating=3)] = question
    return collector, [asked[each] for each in sorted(asked, key=uniform_number)]


def current(page: Page) -> str:
    return page.get_by_role("article", name="Call to rate").locator("pre").first.inner_text()


def test_review_page_two_reviewers_get_different_calls(address: str, open_page: Open) -> None:
    collector, questions = capture(50)
    first, second = (open_page(f"{address}/review") for _ in range(2))
    for page in (first, second):
        expect(page.get_by_role("status")).to_have_text("50 waiting")
    assert (current(first), current(second)) == (questions[0], questions[20])
    for number in range(6):
        for page, start in ((first, 0), (second, 20)):
            expect(page.get_by_role("article", name="Call to rate")).to_contain_text(questions[start + number])
            page.keyboard.press("5" if page is first else "1")
    expect(first.get_by_role("article", name="Call to rate")).to_contain_text(questions[6])
    expect(second.get_by_role("article", name="Call to rate")).to_contain_text(questions[26])
    rated = {row["prompt"]: row["rating"] for row in collector.find_examples() if row["rating"] != 3}
    assert rated == dict.fromkeys(questions[:6], 5) | dict.fromkeys(questions[20:26], 1)


def test_review_page_by_keyboard_rates_corrects_and_undoes(address: str, open_page: Open) -> None:
    collector, questions = capture(3)
    page = open_page(f"{address}/review")
    expect(page.get_by_role("status")).to_have_text("3 waiting")
    page.keyboard.press("j")
    expect(page.get_by_role("article", name="Call to rate")).to_contain_text(questions[1])
    page.keyboard.press("k")
    expect(page.get_by_role("article", name="Call to rate")).to_contain_text(questions[0])
    page.keyboard.press("e")
    editor = page.get_by_label("Corrected answer")
    expect(editor).to_be_focused()
    editor.fill("A better answer 5")  # the figure is text here, no rating
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("2 waiting")
    (pair,) = collector.get_preferences()
    assert (pair["chosen"], pair["rejected"]) == ("A better answer 5", questions[0].replace("Question", "Answer"))
    page.keyboard.press("u")
    expect(page.get_by_role("status")).to_have_text("3 waiting")
    assert collector.get_preferences() == []


def test_review_page_double_click_rates_one_call(address: str, open_page: Open) -> None:
    collector, questions = capture(3)
    page = open_page(f"{address}/review")
    expect(page.get_by_role("status")).to_have_text("3 waiting")
    page.get_by_role("button", name="Rate 5 of 5").dblclick()
    expect(page.get_by_role("status")).to_have_text("2 waiting")
    page.keyboard.press("j")
    expect(page.get_by_role("article", name="Call to rate")).to_contain_text(questions[2])
    assert [row["prompt"] for row in collector.find_examples(min_rating=5)] == [questions[0]]


def test_review_page_undo_shows_call_again(address: str, open_page: Open) -> None:
    collector, questions = capture(40)
    page = open_page(f"{address}/review")
    expect(page.get_by_role("status")).to_have_text("40 waiting")
    card = page.get_by_role("article", name="Call to rate")
    for _ in range(2):
        page.keyboard.press("j")
    expect(card).to_contain_text(questions[2])
    page.keyboard.press("4")
    expect(card).to_contain_text(questions[3])
    page.keyboard.press("u")
    expect(card).to_contain_text(questions[2])
    page.keyboard.press("2")
    expect(card).to_contain_text(questions[3])
    expect(page.get_by_role("status")).to_have_text("39 waiting")
    assert [(row["prompt"], row["rating"]) for row in collector.find_examples() if row["rating"] != 3] == [
        (questions[2], 2)
    ]


def test_review_page_filters_select_calls(address: str, open_page: Open) -> None:
    _, questions = capture(6)
    page = open_page(f"{address}/review")
    expect(page.get_by_role("status")).to_have_text("6 waiting")
    page.get_by_label("Domain").click()
    page.get_by_role("option", name="d1").click()
    expect(page.get_by_role("status")).to_have_text("3 waiting")
    assert current(page) == next(each for each in questions if int(each.split()[1]) % 2)
    expect(page.get_by_role("combobox", name="Domain")).not_to_be_focused()  # the keys are for the calls again
    page.keyboard.press("5")
    expect(page.get_by_role("status")).to_have_text("2 waiting")
    page.keyboard.press("e")
    expect(page.get_by_label("Corrected answer")).to_be_focused()
    expect(page.get_by_role("combobox", name="Domain")).to_have_count(0)  # it would take away what is being written
    page.get_by_label("Corrected answer").press("Escape")
    expect(page.get_by_role("combobox", name="Domain")).to_have_count(1)
    page.get_by_label("From day").fill("yesterday")
    page.get_by_label("From day").press("Enter")
    expect(page.get_by_text("day must be")).to_be_visible()


def test_review_page_reload_keeps_claims(address: str, open_page: Open) -> None:
    _, questions = capture(70)
    first = open_page(f"{address}/review")
    expect(first.get_by_role("status")).to_have_text("70 waiting")
    first.keyboard.press("Alt+1")  # another tab, in some browsers
    first.context.set_offline(True)
    first.wait_for_timeout(1500)
    first.context.set_offline(False)
    second_tab = first.context.new_page()
    second_tab.goto(f"{address}/review")
    expect(second_tab.get_by_role("status")).to_have_text("70 waiting")
    second_tab.close()
    other = open_page(f"{address}/review")
    expect(other.get_by_role("status")).to_have_text("70 waiting")
    assert current(first) == questions[0]
    assert current(other) in {questions[20], questions[40]}  # the closed tab's calls are free again, soon or already
    first.reload()
    expect(first.get_by_role("article", name="Call to rate")).to_contain_text(questions[0])


def test_review_page_key_while_correcting_keeps_text(address: str, open_page: Open) -> None:
    capture(3)
    page = open_page(f"{address}/review")
    expect(page.get_by_role("status")).to_have_text("3 waiting")
    page.keyboard.press("e")
    page.get_by_label("Corrected answer").fill("A better answer")
    page.get_by_role("heading", level=1).click()
    for key in ("j", "3", "u"):
        page.keyboard.press(key)
    expect(page.get_by_label("Corrected answer")).to_have_value("A better answer")
    expect(page.get_by_role("status")).to_have_text("3 waiting")
    page.get_by_label("Corrected answer").press("Escape")
    expect(page.get_by_label("Corrected answer")).to_have_count(0)


def test_review_page_says_why_a_call_is_asked_and_how_good_all_are(address: str, open_page: Open) -> None:
    collector, questions = capture(20)
    doubted = collector.capture_success("Doubted", "No", "d0", "chat", rating=3, metadata={"confidence": 0.0})
    ids = {each["prompt"]: each["id"] for each in collector.find_examples()}
    order = sorted([*questions, "Doubted"], key=lambda each: uniform_number(ids[each]) / (1 + 3 * (each == "Doubted")))
    page = open_page(f"{address}/review")
    card, quality = page.get_by_role("article", name="Call to rate"), page.get_by_role("region", name="Quality")
    expect(quality).to_contain_text("Mean rating of 21 calls: unknown; it takes two ratings")
    for question in order:
        expect(card).to_contain_text(question)
        expect(card).to_contain_text("low confidence: 0" if ids[question] == doubted else "drawn at random")
        if question == order[4]:
            break
        page.keyboard.press("4" if question == order[0] else "5")
    expect(page.get_by_role("status")).to_have_text("17 waiting")
    page.reload()
    expect(quality).to_contain_text(re.compile(r"from 4 ratings; about \d+ more ratings halve the interval"))
