"""Conversations and tools as objects of lists, as a `Sequence` of a dict is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest

from fine_tuning.data_io import formats, sources
from fine_tuning.datasets.file_check import examine
from fine_tuning.errors import DataError

ASKED, ANSWERED = "Où est Évreux ?", "En Normandie. 🐄"
WORSE = "Au Japon."
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"town": "Évreux"}'}}
TURN = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}]
CALLING = [
    {"role": "system", "content": "Sois bref."},
    TURN[0],
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "Normandie"},
    TURN[1],
]


def columns(objects: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = list(dict.fromkeys(name for each in objects for name in each))
    return {name: [each.get(name) for each in objects] for name in names}


def only(row: dict[str, Any], name: str | None = None) -> formats.Call:
    (call,) = formats.calls_in(json.loads(json.dumps(row)), name)
    return call


def turns(*texts: str) -> dict[str, list[str]]:
    return {"from": ["human", "gpt"][-len(texts) :], "value": list(texts)}


SAID = columns(TURN)
ROWS: dict[str, dict[str, Any]] = {
    "openai": {"messages": SAID},
    "sharegpt": {"conversations": turns(ASKED, ANSWERED), "id": "7"},
    "prompt-response": {"prompt": columns(TURN[:1]), "completion": columns(TURN[1:])},
}


@pytest.mark.parametrize("name", ROWS)
def test_conversation_of_lists_is_read_in_each_format(name: str) -> None:
    for row in (ROWS[name], {key: json.dumps(value) for key, value in ROWS[name].items() if key != "id"}):
        assert formats.format_of(row) == name
        assert only(row).messages == TURN


PAIRS: dict[str, dict[str, Any]] = {
    "whole": {"chosen": SAID, "rejected": columns([TURN[0], {"role": "assistant", "content": WORSE}])},
    "answers": {"prompt": ASKED, "chosen": turns(ANSWERED), "rejected": turns(WORSE)},
    "turns": {"conversations": {"from": ["human"], "value": [ASKED]},
              "chosen": turns(ANSWERED), "rejected": turns(WORSE)},
    "openai": {
        "input": {"messages": columns(TURN[:1]), "tools": columns([TOOL])},
        "preferred_output": columns(TURN[1:]),
        "non_preferred_output": columns([{"role": "assistant", "content": WORSE}]),
    },
}  # fmt: skip


@pytest.mark.parametrize("case", PAIRS)
def test_pair_of_lists_has_its_question_and_both_answers(case: str) -> None:
    call = only(PAIRS[case], "preference")
    assert (call.messages, call.rejected) == (TURN, [{"role": "assistant", "content": WORSE}])
    assert call.tools == ([TOOL] if case == "openai" else None)


def test_calls_tools_and_parts_of_lists_are_read() -> None:
    parts = [{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]
    given = [{**each, "tool_calls": columns(each["tool_calls"]) if "tool_calls" in each else None} for each in CALLING]
    given[1] = {**given[1], "content": columns(parts)}
    call = only({"messages": columns(given), "tools": columns([TOOL])})
    assert call.messages == [CALLING[0], {"role": "user", "content": parts}, *CALLING[2:]]
    assert call.tools == [TOOL]


def test_sequences_of_datasets_and_arrow_are_read(tmp_path: Path) -> None:
    text = datasets.Value("string")
    feature = {"role": text, "content": text, "name": text}
    kept = datasets.Features({"messages": datasets.Sequence(feature)})
    given = [{"role": each["role"], "content": each["content"], "name": None} for each in TURN]
    dataset = datasets.Dataset.from_list([{"messages": columns(given)}], features=kept)
    table = pa.table({"messages": [columns(CALLING)]})
    dataset.to_json(tmp_path / "d.jsonl")
    dataset.to_parquet(tmp_path / "d.parquet")
    for rows in (
        sources.table_rows(dataset),
        *(sources.read(str(tmp_path / f"d.{end}")) for end in ("jsonl", "parquet")),
    ):
        (row,) = rows
        assert only(json.loads(row.text or b"")).messages == TURN
    (row,) = sources.table_rows(table)
    assert only(json.loads(row.text or b"")).messages == CALLING


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            {"messages": {"role": ["user", "assistant"], "content": ["a"]}},
            "messages .* holds 2 of role and 1 of content",
        ),
        ({"messages": {"role": ["user"], "content": "a"}}, "messages .* holds 1 of role and one content"),
        ({"messages": {"role": ["user"], "content": ["a"], "name": []}}, "messages .* 1 of content and 0 of name"),
        ({"conversations": {"from": ["human", "gpt"], "value": []}}, "conversations .* 2 of from and 0 of value"),
        ({**PAIRS["whole"], "rejected": {"role": ["user"], "content": []}}, "rejected .* 1 of role and 0 of content"),
        ({"messages": TURN, "tools": {"name": ["a", "b"], "description": ["c"]}}, "tools .* 2 of name and 1 of desc"),
        ({**PAIRS["openai"], "input": {"messages": {"role": ["user"], "content": []}}}, "messages .* 0 of content"),
        (
            {"messages": {"role": ["assistant"], "content": ["a"], "tool_calls": [{"id": ["a", "b"], "function": []}]}},
            "tool_calls .* holds 2 of id and 0 of function",
        ),
    ],
)
def test_lists_of_other_lengths_are_refused_by_name(row: dict[str, Any], reason: str) -> None:
    assert formats.format_of(row) is not None
    with pytest.raises(DataError, match=reason):
        only(row)
    assert examine(json.dumps(row).encode()).call is None


@pytest.mark.parametrize(
    "value", [{"role": [], "content": []}, {"role": [None], "content": ["a"]}, {"role": [1, 2], "content": [None, {}]}]
)
def test_odd_lists_are_left_to_the_checks(value: dict[str, Any]) -> None:
    assert examine(json.dumps({"messages": value}).encode()).findings


def test_objects_of_lists_elsewhere_stay() -> None:
    row = {"messages": TURN, "answers": {"text": ["a"], "answer_start": []}, "labels": {"from": "x", "to": ["y"]}}
    assert only(row).metadata == {key: row[key] for key in ("answers", "labels")}
    assert only({"messages": TURN, "tools": {"find": {"description": "d", "parameters": {"type": "object"}}}}).tools
