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


def saved(path: str) -> list[Any]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def save(limit: int | None = None) -> list[Any]:
    """What the quick start saves."""
    builder = DatasetBuilder()
    examples = builder.build_from_distillation(min_rating=4, limit=limit)
    rows = saved(builder.save_dataset(examples, "all"))
    assert len(rows) == len(examples)
    return rows


def say(asked: str, answer: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def test_save_growing_chats_are_written_once(caplog: pytest.LogCaptureFixture) -> None:
    capture(5, 4)
    assert [len(row["messages"]) for row in save()] == [8] * 5
    assert "15 of 20 captured examples are left out: 15 with 'Continued in a longer chat'" in caplog.text
    assert len(save(limit=3)) == 3
    recipe = DatasetBuilder().build_from_distillation(limit=3).recipe
    assert (recipe["limit"], recipe["found"], recipe["derived"]) == (3, 20, [{"operation": "drop continued"}])


def test_save_answers_that_were_cut_off_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    capture(2, 1)
    cut = say("Write a long essay about the sea", "The sea is very wide and the")
    DistillationDataCollector().capture_conversation(cut, "shop", "chat", metadata={"finish_reason": "length"})
    assert len(save()) == 2
    assert "1 of 3 captured examples are left out: 1 with 'Response cut off'" in caplog.text


@pytest.mark.parametrize("bad", [{"rating": 1}, {"metadata": {"finish_reason": "length"}}])
def test_save_bad_answer_of_a_longer_chat_has_weight_0(bad: dict[str, Any]) -> None:
    collector = DistillationDataCollector()
    first = say("How do I reset the router at home?", "Throw it out of the window.")
    collector.capture_conversation(first, "shop", "chat", **bad)
    collector.capture_conversation([*first, *say("Really?", "No, hold the button for ten seconds.")], "shop", "chat")
    (row,) = save()
    assert [message.get("weight", 1) for message in row["messages"]] == [1, 0, 1, 1]


@pytest.mark.parametrize("is_validated", [True, False])
def test_save_chat_that_a_short_answer_ends_is_written_once(is_validated: bool) -> None:
    first = say("How do I reset the router at home?", "Hold the button for ten seconds.")
    collector, builder = DistillationDataCollector(), DatasetBuilder()
    for said in (first, [*first, *say("Thank you for your help", "Welcome.")]):
        collector.capture_conversation(said, "shop", "chat")
    examples = builder.build_from_distillation()
    if is_validated:
        examples = builder.validate_examples(examples)["valid_examples"]
    assert [len(row["messages"]) for row in saved(builder.save_dataset(examples, "all"))] == [2 if is_validated else 4]


def test_split_turns_of_one_chat_stay_on_one_side() -> None:
    capture(10, 3)
    builder = DatasetBuilder()
    valid = builder.validate_examples(DistillationDataCollector().get_curated_examples())["valid_examples"]
    train, test = builder.split_train_test(valid, 0.8)
    assert (len(train), len(test)) == (24, 6)
    assert len(saved(builder.save_dataset(train, "train"))) == 8
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
