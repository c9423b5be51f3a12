"""Rows of logs without a call are counted by their reason."""

from __future__ import annotations

import json
from pathlib import Path

from fine_tuning.distillation import DistillationDataCollector

ASKED = [{"role": "user", "content": "Where is it?"}]
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "Over there."}}]}


def test_import_redacted_failed_and_other_rows_are_counted_apart(tmp_path: Path) -> None:
    run = {"run_type": "llm", "inputs": {"messages": ASKED}, "outputs": ANSWER}
    entry = {"call_type": "acompletion", "messages": ASKED, "response": ANSWER}
    rows = [
        {**run, "inputs": "[REDACTED]"},
        {**run, "error": "timeout"},
        {**run, "run_type": "chain"},
        {**entry, "messages": "redacted-by-litellm", "response": {"text": "redacted-by-litellm"}},
        {**entry, "status": "failure"},
        {**entry, "call_type": "aembedding"},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = DistillationDataCollector().import_files([file])
    assert report.unread == {"redacted": 2, "failed": 2, "not chat calls": 2}
    assert report.skipped == 6


def test_error_within_a_response_is_a_failed_call(tmp_path: Path) -> None:
    request = {"model": "m", "messages": ASKED}
    contents = {"contents": [{"role": "user", "parts": [{"text": "Where is it?"}]}]}
    rows = [
        {"request": request, "response": {"error": {"message": "overloaded"}}},
        {"request": request, "response": {"status_code": 429, "body": {"error": {"message": "slow down"}}}},
        {"request_id": "r", "request_body": request, "response_body": {"error": "x"}, "response_status": 500},
        {"request": contents, "response": {"promptFeedback": {"blockReason": "SAFETY"}}},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert DistillationDataCollector().import_files([file]).unread == {"failed": 4}
