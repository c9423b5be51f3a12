"""Chats that were captured at every turn, on the way of the quick start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder, prepare_fine_tuning_dataset
from fine_tuning.datasets import prepare_dataset
from fine_tuning.datasets.prepare_options import PrepareOptions
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.workspace import open_workspace
from tests.datasets.test_conversations import talk

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


def capture(chats: int, length: int, metadata: dict[str, Any] | None = None) -> None:
    collector = DistillationDataCollector()
    for number in range(chats):
        said = [
            {"role": role, "content": f"{text} (long enough)"}
            for exchange in talk(number, length)
            for role, text in zip(("user", "assistant"), exchange, strict=True)
        ]
        for until in range(1, length + 1):
            collector.capture_conversation(said[: 2 * until], "shop", "chat", metadata=metadata)


def first_question(example: Any) -> str:
    return str((example.get("messages") or [{"content": example["prompt"]}])[0]["content"])


def test_split_turns_of_one_chat_stay_on_one_side() -> None:
    capture(10, 3)
    builder = DatasetBuilder()
    valid = builder.validate_examples(builder.build_from_distillation())["valid_examples"]
    train, test = builder.split_train_test(valid, 0.8)
    assert (len(train), len(test)) == (24, 6)
    assert not {first_question(each) for each in train} & {first_question(each) for each in test}


@pytest.mark.parametrize("metadata", [None, {"session_id": "all of them"}])
def test_prepare_keeps_the_longest_state_of_each_chat(metadata: dict[str, Any] | None) -> None:
    capture(5, 4, metadata)
    workspace = open_workspace()
    made = prepare_dataset.prepare(workspace.database, workspace.folder("datasets"), PrepareOptions.of({}))
    rows = [json.loads(line) for line in Path(made.path).read_text().splitlines()]
    assert [len(row["messages"]) for row in rows] == [8] * 5
    assert (made.found, made.issues) == (20, {"Continued in a longer chat": 15})


def test_prepare_row_that_the_format_cannot_hold_is_left_out_alone() -> None:
    capture(3, 1)
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    said: list[dict[str, Any]] = [
        {"role": "user", "content": "Please look for my parcel"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "at the door"},
        {"role": "assistant", "content": "Your parcel is at the door."},
    ]
    DistillationDataCollector().capture_conversation(said, "shop", "chat", tools=TOOLS)
    assert len(json.loads(Path(prepare_fine_tuning_dataset(format="alpaca")).read_text())) == 3
