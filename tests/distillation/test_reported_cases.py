"""Inputs of which users reported that other tools lose or change them, from the file to what is trained on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.distillation import DistillationDataCollector


def captured(file: Path) -> list[tuple[str, str]]:
    """Question and answer of each call in a file."""
    report = DistillationDataCollector().import_files([file])
    assert report.rejected == []
    return [
        (each["prompt"], each["response"]) for each in DistillationDataCollector().get_curated_examples(min_rating=1)
    ]


TRL: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Close the blinds in the loft."},
        {"role": "assistant", "tool_calls": [{"function": {"name": "blinds", "arguments": {"room": "loft", "to": 0}}}]},
        {"role": "tool", "name": "blinds", "content": "closed"},
        {"role": "assistant", "content": "The blinds in the loft are closed now."},
    ]
}
OLD: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Is there fog in Bergen at noon?"},
        {"role": "assistant", "function_call": {"name": "fog", "arguments": '{"at": 12}'}},
        {"role": "function", "name": "fog", "content": "no"},
        {"role": "assistant", "content": "No, Bergen is clear at noon today."},
    ]
}
UNTYPED: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": [{"text": "Which tree keeps its needles?"}]},
        {"role": "assistant", "content": [{"text": "The spruce keeps its needles."}]},
    ]
}


def test_prepare_dataset_saves_only_what_the_checks_take(tmp_path: Path, cli: Any) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in (TRL, OLD, UNTYPED)))
    assert len(captured(file)) == 3
    code, out, error = cli("prepare-dataset", "--output", "saved", "--min-response-length", "1", "--json")
    assert code == 0, error
    saved = json.loads(out)
    assert saved["rows"] == 3
    report = DatasetBuilder().check_files([str(DatasetBuilder().output_dir / "saved.jsonl")])
    assert (report.kept, report.rejected) == (3, 0)


@pytest.mark.parametrize(
    ("heading", "cells", "expected"),
    [
        ("prompt,completion", ["Parse: a hat", '{"thing": "hat"}'], ("Parse: a hat", '{"thing": "hat"}')),
        ("prompt,completion", ["Split: p q", '["p", "q"]'], ("Split: p q", '["p", "q"]')),
        ("prompt,response", ["Parse: a cap", '{"thing": "cap"}'], ("Parse: a cap", '{"thing": "cap"}')),
        ("instruction,input,output", ["Add these", "[4, 5]", "9"], ("Add these\n\n[4, 5]", "9")),
    ],
)
def test_import_of_csv_cells_that_are_json_keeps_their_text(
    tmp_path: Path, heading: str, cells: list[str], expected: tuple[str, str]
) -> None:
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([heading.split(","), cells])
    assert captured(file) == [expected]


@pytest.mark.parametrize(
    "output",
    [{"headline": "Fog", "content": "Stay in."}, {"content": "Stay in."}, {"mood": "calm"}, {"text": "x", "n": 1}],
)
def test_import_of_langfuse_output_that_is_an_object_keeps_all_of_it(tmp_path: Path, output: dict[str, Any]) -> None:
    generation = {
        "id": "g1",
        "traceId": "t1",
        "type": "GENERATION",
        "startTime": "2026-04-01T08:00:00.000Z",
        "model": "gpt-4o",
        "input": [{"role": "user", "content": "Write the notice as JSON."}],
        "output": output,
    }
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([generation]))
    ((_, answer),) = captured(file)
    assert json.loads(answer) == output
