"""Keys inside messages that nobody reads are counted and named by imports, dry runs and checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import FineTuningCLI
from fine_tuning.datasets.file_check import examine
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.import_report import Defaults
from fine_tuning.distillation.parallel_import import ParallelImport

ASKED = {"role": "user", "content": "When does it leave?"}
GOOD = {"role": "assistant", "content": "At 5."}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
CITING = {"type": "text", "text": "At 5.", "citations": [{"type": "char_location", "cited_text": "5"}]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "5"}


def found(*messages: dict[str, Any]) -> list[str]:
    examined = examine(json.dumps({"messages": messages}).encode())
    return [each.field for each in examined.findings if each.code == "unread-key"]


@pytest.mark.parametrize(
    ("messages", "names"),
    [
        ([ASKED, {**GOOD, "reasoning_content": "The table says 5."}], ["message.reasoning_content"]),
        ([{**ASKED, "attachments": ["a.pdf"], "mood": "odd"}, GOOD], ["message.attachments", "message.mood"]),
        ([{**ASKED, "metadata": {"page": 3}}, GOOD], ["message.metadata"]),
        ([{**ASKED, "text": "And where?"}, GOOD], ["message.text"]),
        ([ASKED, CALLING, {**RESULT, "artifact": {"raw": 1}, "error": "late"}, GOOD], ["tool.artifact", "tool.error"]),
        ([ASKED, {**CALLING, "tool_calls": [{**CALL, "why": "to know"}]}, RESULT, GOOD], ["call.why"]),
        ([{"role": "user", "content": [{"type": "text", "text": "Hi?", "tone": "low"}]}, GOOD], ["part.tone"]),
        ([ASKED, {"role": "assistant", "content": [CITING]}], ["part.citations"]),
        ([ASKED, {**GOOD, "annotations": [{"type": "file_path"}]}], ["message.annotations"]),
        (
            [ASKED, {"role": "assistant", "content": [{"type": "thinking", "thinking": "a"}, {"text": "b"}]}],
            ["part.thinking"],
        ),
        ([{**ASKED, "additional_kwargs": {"voice": "x"}}, GOOD], ["message.additional_kwargs.voice"]),
        ([{**ASKED, "id": "m1", "created_at": 5, "text": None, "metadata": {}}, {**GOOD, "usage": {"a": 1}}], []),
        ([{**ASKED, "train": True}, GOOD], ["user.train"]),
        ([{**ASKED, "weight": 1}, {**GOOD, "weight": 1}], ["user.weight"]),
        ([{"from": "human", "value": "Hi?", "train": True}, {"from": "gpt", "value": "Yes."}], ["user.train"]),
        ([ASKED, CALLING, {**RESULT, "loss": True}, GOOD], ["tool.loss"]),
        ([{**ASKED, "loss": 1.0, "training": "true"}, GOOD], ["user.loss", "user.training"]),
        ([{**ASKED, "train": False, "weight": 0, "loss": None}, {**GOOD, "train": True}], []),
        ([ASKED, CALLING, {**RESULT, "name": "f", "status": "success", "id": "m"}, GOOD], []),
    ],
)
def test_keys_that_are_not_read_are_named(messages: list[dict[str, Any]], names: list[str]) -> None:
    assert found(*messages) == names


@pytest.mark.parametrize(
    ("response", "names"),
    [
        ({"choices": [{"message": {**GOOD, "reasoning_content": "The table says 5."}}]}, ["message.reasoning_content"]),
        ({"model": "m", "message": {**GOOD, "thinking": "5."}, "done": True}, ["message.thinking"]),
        ({"choices": [{"message": {**GOOD, "reasoning": "", "audio": None, "refusal": None, "annotations": []}}]}, []),
    ],
)
def test_keys_of_an_answer_in_a_log_that_are_not_read_are_named(response: dict[str, Any], names: list[str]) -> None:
    row = {"request": {"model": "m", "messages": [ASKED]}, "response": response}
    findings = examine(json.dumps(row).encode()).findings
    assert [each.field for each in findings if each.code == "unread-key"] == names


def test_reasoning_among_the_items_of_a_response_is_named_where_it_says_something() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "At 5."}]}
    for summary, names in (([], []), ([{"type": "summary_text", "text": "5"}], ["item.reasoning"])):
        output = [{"type": "reasoning", "id": "r", "summary": summary}, said]
        row = {"request": {"model": "m", "input": "When?"}, "response": {"object": "response", "output": output}}
        findings = examine(json.dumps(row).encode()).findings
        assert [each.field for each in findings if each.code == "unread-key"] == names


def test_import_and_dry_run_count_rows_by_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"messages": [ASKED, {**GOOD, "content": f"At {at}.", "reasoning": "x", "thinking": "" if at else "y"}] * 2}
        for at in range(3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = {"message.reasoning": 3, "message.thinking": 1}
    assert DistillationDataCollector().preview_files([path]).report.unread_keys == expected
    parallel = ParallelImport([str(path)], Defaults())
    assert [len(block.calls) for blocks in parallel.batches() for block in blocks] == [3]
    assert parallel.report.unread_keys == expected
    assert DistillationDataCollector().import_files([path]).unread_keys == expected
    for command in (["capture", "import", "--dry-run"], ["dataset", "check"]):
        FineTuningCLI().run([*command, str(path)])
        assert "message.reasoning" in capsys.readouterr().out
