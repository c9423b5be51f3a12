"""Logs of OpenAI's older Completions API, whose answers go on with a text: they are no chats, and counted as such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import CHAT, COMPLETION

ASKED = {"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon"}
TEXT: dict[str, Any] = {
    "object": "text_completion",
    "model": ASKED["model"],
    "choices": [{"text": " a time", "index": 0, "logprobs": None, "finish_reason": "stop"}],
}
ROWS: list[dict[str, Any]] = [
    {"request": ASKED, "response": TEXT},
    {"request": json.dumps({**ASKED, "prompt": [ASKED["prompt"]]}), "response": json.dumps(TEXT)},
    {"request_body": ASKED, "response_body": {"choices": TEXT["choices"]}},
    {"request": ASKED, "response": {"type": "completion", "completion": " a time", "stop_reason": "max_tokens"}},
    {**ASKED, "response": TEXT},
    {**ASKED, **TEXT},
    {**ASKED, "choices": TEXT["choices"]},
    {"id": "batch_req_1", "custom_id": "1", "response": {"status_code": 200, "body": TEXT}, "error": None},
]


@pytest.mark.parametrize("row", ROWS)
def test_completed_text_is_no_chat(row: dict[str, Any]) -> None:
    assert formats.format_of(row) in formats.LOGS
    assert [*formats.calls_in(row)] == []


def test_completed_text_as_the_answer_in_json_is_refused() -> None:
    row = {"prompt": ASKED["prompt"], "response": json.dumps(TEXT)}
    with pytest.raises(DataError, match="a completed text of an older API, and no chat; write that text"):
        list(formats.calls_in(row))


def test_import_counts_completed_texts_beside_chats(tmp_path: Path) -> None:
    rows = [*ROWS[:-1], {"request": CHAT, "response": COMPLETION}]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    report = DistillationDataCollector().import_files([path])
    assert (report.read, report.captured, report.rejected) == (len(rows), 1, [])
    assert dict(report.unread) == {"not chat calls": len(rows) - 1}
