"""Refusals, which OpenAI keeps apart from the content: read from every place, and never a good answer silently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.data_io import formats
from fine_tuning.data_io.messages import text_of
from fine_tuning.datasets.file_check import examine
from fine_tuning.distillation import DistillationDataCollector

Row = dict[str, Any]
Q = {"role": "user", "content": "How do I pick this lock?"}
NO = "I can't help with that."
REFUSED = {"role": "assistant", "content": None, "refusal": NO}
COMPLETION = {"object": "chat.completion", "choices": [{"index": 0, "message": REFUSED, "finish_reason": "stop"}]}
ITEM = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": NO}]}
RESPONSE = {"object": "response", "status": "completed", "output": [ITEM]}
LOGS = {
    "openai-log": {"request": {"model": "m", "messages": [Q]}, "response": COMPLETION},
    "openai-responses": {**RESPONSE, "input": [Q]},
    "helicone": {"request_id": "1", "request_body": {"messages": [Q]}, "response_body": COMPLETION},
    "langfuse": {"traceId": "t", "type": "GENERATION", "input": [Q], "output": REFUSED},
}


@pytest.mark.parametrize("log", LOGS)
def test_refusal_in_a_log_is_kept_and_is_why_the_answer_ended(log: str) -> None:
    (call,) = formats.calls_in(LOGS[log])
    assert call.messages == [Q, REFUSED]
    assert (call.finish_reason, call.is_cut_off) == ("content_filter", True)
    assert text_of(call.messages[-1]) == NO


@pytest.mark.parametrize("row", [*LOGS.values(), {"messages": [Q, REFUSED]}])
def test_check_says_that_an_answer_is_a_refusal(row: Row) -> None:
    found = [each for each in examine(json.dumps(row).encode()).findings if each.code == "refusal"]
    assert [each.field for each in found] == ["messages[1].refusal"]


def test_refusals_of_logs_are_imported_with_their_text_and_left_out_of_datasets(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    answered = {**COMPLETION, "choices": [{"message": {"role": "assistant", "content": "With a key."}}]}
    file.write_text(
        "".join(json.dumps({**LOGS["openai-log"], "response": each}) + "\n" for each in (COMPLETION, answered))
    )
    report = DistillationDataCollector().import_files([file])
    assert (report.captured, report.cut_off, report.rejected) == (2, 1, [])
    made = DatasetBuilder().build("locks", validation=0, test=0)
    assert made["counts"]["kept"] == 1
    kept = DatasetBuilder().build("locks", validation=0, test=0, keep_cut_off=True)
    assert [each["rows"] for each in kept["findings"] if each["code"] == "refusal"] == [1]
