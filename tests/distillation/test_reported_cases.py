"""Inputs of which users reported that other tools lose or change them, from the file to what is trained on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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


def test_calls_in_the_answer_of_a_numbered_span_are_kept(tmp_path: Path) -> None:
    called = {"id": "k9", "name": "tram", "arguments": '{"stop": "Zoo"}'}
    beside = {f"gen_ai.completion.0.tool_calls.0.{key}": value for key, value in called.items()}
    asked = {"gen_ai.request.model": "gpt-4o", "gen_ai.prompt.0.role": "user", "gen_ai.completion.0.role": "assistant"}
    spans = [
        {**asked, **beside, "gen_ai.prompt.0.content": "Tram 4?", "gen_ai.completion.0.content": "One moment."},
        {**asked, **beside, "gen_ai.prompt.0.content": "Tram 6?"},
    ]
    file = tmp_path / "spans.jsonl"
    file.write_text("".join(json.dumps({"name": "openai.chat", "attributes": each}) + "\n" for each in spans))
    assert dict(captured(file))["Tram 4?"] == "One moment."
    call = {"id": "k9", "type": "function", "function": {"name": "tram", "arguments": '{"stop": "Zoo"}'}}
    answers = {each["prompt"]: each["messages"][-1] for each in DistillationDataCollector().find_examples()}
    assert answers == {
        "Tram 4?": {"role": "assistant", "content": "One moment.", "tool_calls": [call]},
        "Tram 6?": {"role": "assistant", "content": None, "tool_calls": [call]},
    }


@pytest.mark.parametrize(
    ("prompt", "completion"),
    [
        ([{"role": "user", "content": "Name a dune."}], [{"role": "assistant", "content": "Pilat."}]),
        (
            [{"role": "user", "content": "Name a dune."}],
            [{"message": {"role": "assistant", "content": "Pilat."}, "finish_reason": "stop"}],
        ),
    ],
)
def test_span_with_its_prompt_and_completion_in_events_is_read(
    tmp_path: Path, prompt: list[Any], completion: list[Any]
) -> None:
    sides = {"prompt": prompt, "completion": completion}
    events = [
        {"name": f"gen_ai.content.{side}", "attributes": {f"gen_ai.{side}": json.dumps(value)}}
        for side, value in sides.items()
    ]
    file = tmp_path / "span.jsonl"
    file.write_text(json.dumps({"name": "chat", "attributes": {"gen_ai.operation.name": "chat"}, "events": events}))
    assert captured(file) == [("Name a dune.", "Pilat.")]


def test_numbers_of_numpy_within_a_table_of_mixed_types_stay_numbers() -> None:
    def chat(number: int) -> Any:
        asked = {"role": "user", "content": f"Is {number} odd?"}
        return np.array([asked, {"role": "assistant", "content": "Yes."}], dtype=object)

    facts = {"shard": np.int64(7), "share": np.float32(0.5), "seen": np.bool_(True), "ids": np.array([1, 2])}
    mixed = ["b", 2]  # which Arrow cannot take
    frame = pd.DataFrame({"messages": [chat(7), chat(9)], "metadata": [facts, facts], "batch": mixed})
    report = DistillationDataCollector().import_table(frame)
    assert (report.captured, report.rejected) == (2, [])
    for each in DistillationDataCollector().find_examples():
        assert {key: each["metadata"][key] for key in facts} == {"shard": 7, "share": 0.5, "seen": True, "ids": [1, 2]}


def test_flat_tools_as_the_text_of_a_sharegpt_row_are_kept_by_the_checks(tmp_path: Path) -> None:
    flat = {"name": "toll", "description": "price of a bridge", "parameters": {"type": "object", "properties": {}}}
    turns = [("human", "Toll at Millau?"), ("function_call", '{"name": "toll", "arguments": {}}')]
    turns += [("observation", "11.80"), ("gpt", "It is 11.80 euros.")]
    row = {"conversations": [{"from": who, "value": text} for who, text in turns], "tools": json.dumps([flat])}
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([row]))
    assert captured(file) == [("Toll at Millau?", "It is 11.80 euros.")]
    (example,) = DistillationDataCollector().find_examples()
    assert example["tools"] == [{"type": "function", "function": flat}]
    report = DatasetBuilder().check_files([file])
    assert (report.kept, report.rejected) == (1, 0)
