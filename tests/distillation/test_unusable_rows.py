"""Rows that no program should have written: each is rejected with its reason, and the good row beside it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database

GOOD: dict[str, Any] = {"prompt": "Where is my order?", "response": "On its way.", "domain": "shop", "task_type": "t"}
ANSWER = {"role": "assistant", "content": "r"}

UNUSABLE = {
    "nested too deeply": "[" * 100_000 + "]" * 100_000,
    "a number has thousands of digits": '{"prompt": "q", "response": "r", "n": ' + "9" * 5000 + "}",
    "each message must be an object with role": json.dumps({"messages": [{"role": ["user"], "content": "a"}, ANSWER]}),
    "content must be text or a list of parts": json.dumps({"messages": [{"role": "user", "content": {}}, ANSWER]}),
    "tools must be a list of objects": json.dumps(
        {"messages": [{"role": "user", "content": "q"}, ANSWER], "tools": "abc"}
    ),
    "system_prompt must be text": json.dumps(GOOD | {"system_prompt": 5}),
    "has 201 characters; up to 200 are kept": json.dumps(GOOD | {"domain": "d" * 201}),
    "captured_at is not an ISO 8601 time": json.dumps(GOOD | {"captured_at": "0001-01-01T00:00:00+05:00"}),
    "rejected is empty; prompt": json.dumps({"prompt": "q", "chosen": "r", "rejected": ""}),
    "question is empty; prompt": json.dumps({"question": "", "answer": "r", "source": ""}),
    "instruction and input are empty; prompt": json.dumps({"instruction": "", "input": "", "output": "r"}),
    "messages[0].content is empty; prompt": json.dumps({"messages": [{"role": "user", "content": " "}, ANSWER]}),
    "conversations[1].value is empty; prompt": json.dumps(
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": ""}]}
    ),
    "not UTF-8 text": b'{"prompt": "\xff"}'.decode("latin-1"),
}


@pytest.mark.parametrize("reason", UNUSABLE)
def test_import_files_unusable_row_is_named_and_others_kept(database: Database, tmp_path: Path, reason: str) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_bytes(UNUSABLE[reason].encode("latin-1") + b"\n" + json.dumps(GOOD).encode() + b"\n")
    report = DistillationDataCollector().capture_file(file)
    assert (report.read, report.captured) == (2, 1)
    (rejected,) = report.rejected
    assert rejected["line"] == 1
    assert reason in rejected["reason"]
