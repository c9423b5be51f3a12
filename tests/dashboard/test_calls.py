"""The gateway's calls in a browser: traffic, filters, search, one call whole."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.gateway import feedback
from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.kept_bodies import BodyLimits
from fine_tuning.gateway.recorder import SPOOL, Recorder
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.store.column_types import now
from fine_tuning.store.records.gateway_calls import CallFeedback
from fine_tuning.store.workspace import open_workspace
from tests.dashboard.conftest import Open

CHAT_PATH = "/v1/chat/completions"
LIMITS = BodyLimits(1 << 20, MemoryBudget(64 << 20))
ANSWER = "It left <b>yesterday</b>."


def exchange(call_id: str, question: str, status: int = 200, upstream: str = "openai") -> Exchange:
    """A call that took 2 s, half of them until its first byte."""
    message = {"role": "assistant", "content": ANSWER}
    body: dict[str, Any] = {"model": "gpt-4o-2024-08-06", "choices": [{"message": message, "finish_reason": "stop"}]}
    body["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    made = Exchange(call_id, "default", upstream, "https://api.openai.com", "POST", CHAT_PATH, {}, LIMITS)
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": question}]}
    made.keep_request(json.dumps(asked).encode())
    made.keep_response(json.dumps(body if status == 200 else {"error": {}}).encode())
    made.status, made.is_whole, made.is_delivered, made.first_byte, made.seconds = status, True, True, 1.0, 2.0
    return made


@pytest.fixture
def calls(workspace: Path) -> None:
    """Two that were answered, one of them with feedback, and one that failed elsewhere."""
    recorder = Recorder(open_workspace().settings.folder(SPOOL))
    recorder.record(exchange("call_a", "Where is my parcel?"))
    recorder.record(exchange("call_b", "I want 50% off_now"))
    recorder.record(exchange("call_c", "Where?", 429, "router"))
    recorder.close()
    opened = open_workspace()
    store_spool(opened, opened.settings.folder(SPOOL))
    said: CallFeedback = {
        "id": "feedback_1",
        "project": "default",
        "call_id": "call_a",
        "own_id": None,
        "rating": 2,
        "correction": None,
        "metrics": {"csat": 0.5},
        "comment": "too short",
        "status": "waiting",
        "reason": None,
        "created_at": now(),
    }
    assert feedback.give(opened, said)["status"] == "applied"


@pytest.mark.usefixtures("calls")
def test_calls_are_shown_filtered_and_searched(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/calls")
    traffic = page.get_by_role("region", name="Traffic by upstream")
    expect(traffic.get_by_role("row", name=re.compile("^openai 2 0 2.00 2.00 1.00"))).to_be_visible()
    expect(traffic.get_by_role("row", name=re.compile("^router 1 1 - - -"))).to_be_visible()
    rows = page.get_by_role("region", name="Calls, newest first").locator("tbody tr")
    expect(rows).to_have_count(3)
    page.get_by_label("Text", exact=True).fill("50% OFF_")
    page.get_by_label("Text", exact=True).press("Enter")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("call_b")
    page.goto(f"{address}/calls?ending=failed")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("429")
    page.goto(f"{address}/calls?upstream=nobody&text=%3Cscript%3E&page=x&ending=odd")
    expect(page.get_by_text("No calls.")).to_be_visible()


@pytest.mark.usefixtures("calls")
def test_one_call_is_shown_whole(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/calls")
    page.get_by_role("link", name="call_a").click()
    expect(page.get_by_role("heading", name="call_a")).to_be_visible()
    expect(page.get_by_label("Messages")).to_contain_text("Where is my parcel?")
    expect(page.get_by_label("Messages")).to_contain_text(ANSWER)
    expect(page.get_by_role("region", name="Times of the call").get_by_role("row", name="in all 2.00")).to_be_visible()
    said = page.get_by_role("region", name="Feedback, oldest first")
    expect(said).to_contain_text("csat 0.5")
    expect(said).to_contain_text("too short")
    page.goto(f"{address}/calls/call_c")
    expect(page.get_by_text("Not captured: the call failed.")).to_be_visible()
    page.goto(f"{address}/calls/call_nobody")
    expect(page.get_by_text("no call call_nobody")).to_be_visible()
