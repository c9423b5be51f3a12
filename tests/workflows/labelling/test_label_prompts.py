"""Which rows are prompts, and what is asked for each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io.messages import text_of
from fine_tuning.distillation.import_report import Defaults
from fine_tuning.errors import DataError
from fine_tuning.workflows.labelling.label_prompts import Prompt, read_prompts, with_system

USER = {"role": "user", "content": "Where is my order?"}
SYSTEM = {"role": "system", "content": "Be brief."}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
ASKED = [["user", "Where is my order?"]]
BRIEFLY = [["system", "Be brief."], *ASKED]
ANTHROPIC = {"model": "claude", "max_tokens": 9, "system": "Be brief.", "messages": [USER]}


def found(path: Path, *rows: Any) -> list[Prompt]:
    """The prompts of a file with these rows."""
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return list(read_prompts([str(path)], Defaults()).found)


def said(prompt: Prompt) -> list[list[str]]:
    """Roles and texts."""
    return [[each["role"], text_of(each)] for each in prompt.request.messages]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "Where is my order?"}, ASKED),
        ({"prompt": "Where is my order?", "response": None}, ASKED),
        ({"prompt": "Where is my order?", "completion": ""}, ASKED),
        ({"prompt": "Where is my order?", "response": "In Bonn."}, ASKED),
        ({"prompt": [SYSTEM, USER]}, BRIEFLY),
        ({"messages": [SYSTEM, USER]}, BRIEFLY),
        ({"messages": [SYSTEM, USER, {"role": "assistant", "content": "In Bonn."}]}, BRIEFLY),
        ({"instruction": "Where is my order?", "input": ""}, ASKED),
        ({"instruction": "Where is my order?", "input": "", "output": ""}, ASKED),
        ({"question": "Where is my order?"}, ASKED),
        ({"text": "Where is my order?", "id": 7}, ASKED),
        ({"query": "Where is my order?"}, ASKED),
        ({"conversations": [{"from": "human", "value": "Where is my order?"}]}, ASKED),
        ({"model": "gpt-4o", "messages": [SYSTEM, USER], "temperature": 0.2}, BRIEFLY),
        ({"model": "gpt-4o", "instructions": "Be brief.", "input": "Where is my order?"}, BRIEFLY),
        (ANTHROPIC, BRIEFLY),
        ({"contents": [{"role": "user", "parts": [{"text": "Where is my order?"}]}]}, ASKED),
        ({"request": {"model": "gpt-4o", "messages": [SYSTEM, USER]}}, BRIEFLY),
        (
            {
                "custom_id": "a",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": "m", "messages": [USER]},
            },
            ASKED,
        ),
        ({"custom_id": "a", "params": ANTHROPIC}, BRIEFLY),
    ],
)
def test_row_of_any_format_is_a_prompt(tmp_path: Path, row: Any, expected: list[list[str]]) -> None:
    (prompt,) = found(tmp_path / "p.jsonl", row)
    assert said(prompt) == expected


def test_conversation_that_goes_on_is_asked_whole(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    turns = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "In Bonn."},
    ]
    (prompt,) = found(tmp_path / "p.jsonl", {"messages": turns, "tools": [TOOL]})
    assert [each["role"] for each in prompt.request.messages] == ["user", "assistant", "tool"]
    assert list(prompt.request.tools) == [TOOL]


def test_metadata_domain_and_repeats(tmp_path: Path) -> None:
    row = {"prompt": "Where is my order?", "domain": "shop", "metadata": {"ticket": 7}}
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, [row, row, {"prompt": ""}])))
    read = read_prompts([str(path)], Defaults())
    assert (len(read.found), read.repeated, len(read.report.rejected)) == (1, 1, 1)
    assert read.found[0].record["domain"] == "shop"
    assert read.found[0].record["metadata"]["ticket"] == 7


def test_lines_of_a_text_file_and_cells_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("\ufefffirst one\n\n  second one \n", encoding="utf-8")
    (tmp_path / "p.csv").write_text("text,id\nthird one,1\n")
    read = read_prompts([str(tmp_path / "p.txt"), str(tmp_path / "p.csv")], Defaults())
    assert [text_of(each.request.messages[-1]) for each in read.found] == ["first one", "second one", "third one"]


def test_file_without_a_prompt_says_why(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"colour": "red"}\n')
    with pytest.raises(DataError, match=r"no prompt to label: .*p.jsonl, line 1: "):
        read_prompts([str(path)], Defaults())


def test_instructions_come_before_those_of_the_prompt() -> None:
    assert with_system([SYSTEM, USER], "Shout.") == [{"role": "system", "content": "Shout.\n\nBe brief."}, USER]  # type: ignore[list-item]
    assert with_system([USER], "Shout.") == [{"role": "system", "content": "Shout."}, USER]  # type: ignore[list-item]
    assert with_system([USER], None) == [USER]  # type: ignore[list-item]
