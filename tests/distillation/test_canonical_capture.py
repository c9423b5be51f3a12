"""Conversations in any words are captured as imports read them, and prepared as `dataset check` takes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.datasets import prepare_dataset
from fine_tuning.datasets.prepare_options import PrepareOptions
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from fine_tuning.store import examples
from fine_tuning.store.database import Database

ASKED = {"role": "user", "content": "What is the weather in Bonn today?"}
ANSWER = {"role": "assistant", "content": "It is dry there, as it was yesterday."}
FLAT = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
CALL = {"id": "call_1_0", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
MARKED = '<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call>'
CALLING: list[dict[str, Any]] = [
    {"role": "assistant", "content": "", "function_call": {"name": "weather", "arguments": "{}"}},
    {"role": "assistant", "content": "", "tool_calls": [{"name": "weather", "args": {}}]},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1_0", "name": "weather", "input": {}}]},
    {"role": "assistant", "content": MARKED},
    {"from": "gpt", "value": MARKED},
]


@pytest.mark.parametrize("message", CALLING)
def test_capture_reads_calls_and_tools_as_imports_do(tmp_path: Path, message: dict[str, Any]) -> None:
    captured, imported = (DistillationDataCollector(tmp_path / name) for name in ("captured", "imported"))
    captured.capture_conversation([ASKED, message], "general", "chat", tools=[FLAT])
    file = tmp_path / "x.jsonl"
    file.write_text(json.dumps({"messages": [ASKED, message], "tools": [FLAT]}), encoding="utf-8")
    imported.import_files([file])
    (one,), (other,) = captured.find_examples(), imported.find_examples()
    assert one["messages"] == [ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
    assert one["tools"] == [{"type": "function", "function": FLAT}]
    assert one["id"] == other["id"]


def test_capture_refuses_what_imports_refuse(tmp_path: Path) -> None:
    heard = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg=="}}]}
    with pytest.raises(DataError, match="input_audio"):
        DistillationDataCollector(tmp_path).capture_conversation([heard, ANSWER], "general", "chat")


@pytest.mark.parametrize("format", ["openai", "sharegpt", "jsonl"])
def test_prepared_file_has_what_check_keeps_also_of_earlier_captures(
    database: Database, tmp_path: Path, format: str
) -> None:
    collector = DistillationDataCollector()
    collector.capture_conversation([ASKED, ANSWER], "general", "chat")
    kept = collector.capture_conversation([ASKED, CALLING[0]], "general", "chat", tools=[FLAT])
    (found,) = [each for each in collector.find_examples() if each["id"] == kept]
    earlier: Any = [
        {"id": "sha256:1", "messages": [ASKED, CALLING[1]], "tools": [FLAT]},
        {"id": "sha256:2", "messages": [ASKED, {**ANSWER, "colour": "blue"}]},
        {"id": "sha256:3", "messages": [ASKED, CALLING[0]], "tools": [{**FLAT, "name": "other"}]},
    ]
    with database.write() as tx:
        examples.capture(tx, [{**found, **each, "captured_at": datetime.now(UTC)} for each in earlier])
    options = PrepareOptions(output="ready", format=format, min_prompt_length=1, min_response_length=1)
    made = prepare_dataset.prepare(database, tmp_path, options)
    report = DatasetBuilder().check_files([made.path])
    assert (report.rejected, report.kept + report.duplicates) == (0, 3)
    assert sum(made.issues.values()) == 2
