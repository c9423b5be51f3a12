"""Imported calls in the cost ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import CostTracker
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store import costs
from fine_tuning.store.database import Database

USAGE = {
    "prompt_tokens": 10_000,
    "completion_tokens": 500,
    "total_tokens": 10_500,
    "prompt_tokens_details": {"cached_tokens": 9_000},
}


def body(number: int, model: str, **more: object) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"Order {number} is on its way."}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    reply = {"id": f"c{number}", "object": "chat.completion", "created": 1_767_000_000, "model": model}
    return {**reply, "choices": choices, "usage": USAGE, **more}


def request(number: int, model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": f"Where is order {number}?"}]}


def test_import_files_record_costs_adds_new_calls_once(database: Database, tmp_path: Path, cli: Any) -> None:
    rows = [
        {"request": request(number, model), "response": body(number, model, **more)}
        for number, (model, more) in enumerate(
            [
                ("gpt-4o", {}),
                ("o4-mini", {"service_tier": "flex"}),
                ("ollama/llama3.2", {}),
                ("gpt-4o", {"usage": None}),
            ]
        )
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    assert cli("capture", "import", str(path), "--record-costs")[0] == 0
    DistillationDataCollector().import_files([path], record_costs=True)
    with database.read() as tx:
        events = costs.all_events(tx, "inference")
    assert [each["model_name"] for each in events] == ["gpt-4o", "o4-mini", "ollama/llama3.2"]
    assert [each["cost"] for each in events] == [pytest.approx(0.01875), pytest.approx(0.0028875), None]
    assert "openai itself answered" in events[0]["metadata"]["cost_note"]
    assert events[0]["recorded_at"].startswith("2025-12-29")
    assert CostTracker().get_costs_by("day")[0]["day"] == "2025-12-29"
    assert "does not say who bills it" in events[2]["metadata"]["cost_note"]


def test_import_files_without_record_costs_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"request": request(1, "gpt-4o"), "response": body(1, "gpt-4o")}))
    DistillationDataCollector().import_files([path])
    assert CostTracker().get_cost_summary()["total_cost"] == 0


def test_import_files_batch_costs_half(database: Database, tmp_path: Path) -> None:
    sent = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": request(1, "gpt-5")}
    got = {"id": "b", "custom_id": "a", "error": None}
    answer = {"status_code": 200, "body": body(1, "gpt-5-2025-08-07", service_tier="default")}
    (tmp_path / "input.jsonl").write_text(json.dumps(sent) + "\n")
    (tmp_path / "output.jsonl").write_text(json.dumps({**got, "response": answer}) + "\n")
    files = [tmp_path / "input.jsonl", tmp_path / "output.jsonl"]
    DistillationDataCollector().import_files(files, record_costs=True)
    with database.read() as tx:
        (event,) = costs.all_events(tx, "inference")
    assert event["cost"] == pytest.approx((1000 * 1.25 + 9000 * 0.125 + 500 * 10) / 2e6)
    assert event["metadata"]["service_tier"] == "batch"
