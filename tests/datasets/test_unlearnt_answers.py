"""Answers that are left out as rows are not learnt inside the longer states of their chats."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.datasets import prepare_dataset
from fine_tuning.datasets.prepare_options import PrepareOptions
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.workspace import open_workspace
from tests.datasets.test_building import build, rows_of, write
from tests.datasets.test_conversations import log, row, talk

BAD: list[dict[str, Any]] = [{"rating": 1}, {"finish_reason": "length"}, {"metadata": {"finish_reason": "max_tokens"}}]


def weights(example: dict[str, Any]) -> list[int]:
    return [each.get("weight", 1) for each in example["messages"] if each["role"] == "assistant"]


def findings(made: dict[str, Any]) -> dict[str, int]:
    return {each["code"]: each["rows"] for each in made["findings"]}


@pytest.mark.parametrize("why", BAD)
def test_build_bad_turn_has_weight_0_in_the_longer_chat(tmp_path: Path, why: dict[str, Any]) -> None:
    rows = [each for number in range(12) for each in log(number)]
    rows[1] |= why
    made = build("bad", write(tmp_path / "rows.jsonl", rows), test=0, validation=0)
    assert sorted(map(weights, rows_of(made))) == [[1, 0, 1, 1], *[[1, 1, 1, 1]] * 11]
    assert findings(made)["unlearnt-answer"] == 1


def test_build_bad_turn_of_another_chat_or_that_is_also_good_is_learnt(tmp_path: Path) -> None:
    rows = [each for number in range(12) for each in log(number, 2)]
    rows += [row(talk(40, 2), metadata={"session_id": "a"})]
    rows += [row(talk(40, 1), metadata={"session_id": "b"}, rating=1)]
    rows += [row(talk(1, 1), rating=1)]  # the same was rated by another as well
    made = build("others", write(tmp_path / "rows.jsonl", rows), test=0, validation=0)
    assert list(map(weights, rows_of(made))) == [[1, 1]] * 13


def test_build_bad_turn_that_the_format_cannot_mark_leaves_the_chat_out(tmp_path: Path) -> None:
    rows = [each for number in range(12) for each in log(number, 2)]
    rows[0]["rating"] = 1
    made = build("turns", write(tmp_path / "rows.jsonl", rows), format="alpaca", test=0, validation=0)
    assert made["steps"] == {"continued chats": 11, "filter bad_turn": 1, "filter min_rating": 1}


@pytest.mark.parametrize("rating", [2, 5])
def test_prepare_bad_turn_has_weight_0_in_the_longer_chat(rating: int) -> None:
    collector = DistillationDataCollector()
    for number in range(3):
        for each in log(number, 3):
            said = [{**message, "content": f"{message['content']} (long enough)"} for message in each["messages"]]
            is_bad = number == 0 and len(said) == 4
            metadata = {"finish_reason": "length"} if is_bad and rating == 5 else None
            collector.capture_conversation(said, "shop", "chat", rating if is_bad else 5, metadata=metadata)
    workspace = open_workspace()
    made = prepare_dataset.prepare(workspace.database, workspace.folder("datasets"), PrepareOptions.of({}))
    rows = [json.loads(line) for line in Path(made.path).read_text().splitlines()]
    assert sorted(map(weights, rows)) == [[1, 0, 1], [1, 1, 1], [1, 1, 1]]
    assert made.unlearnt == 1


def test_build_bad_turn_with_retrieved_passages_has_weight_0_in_the_longer_chat(tmp_path: Path) -> None:
    rows = [row(talk(number, 2)) for number in range(12)]
    asked, said = (each["content"] for each in rows[3]["messages"][:2])
    passages = "Refunds are possible within 30 days of the purchase. Keep the receipt."
    rows += [{"question": asked, "answer": said, "context": passages, "rating": 1}]
    made = build("passages", write(tmp_path / "rows.jsonl", rows), test=0, validation=0)
    assert sorted(map(weights, rows_of(made))) == [[0, 1], *[[1, 1]] * 11]


def windows(number: int, length: int, turns: int = 6) -> list[dict[str, Any]]:
    """The logs of a chat of which the model sees the last turns only."""
    said = talk(number, turns)
    chat = {"metadata": {"conversation_id": f"chat {number}"}}
    return [row(said[max(0, end - length) : end], **chat) for end in range(1, turns + 1)]


@pytest.mark.parametrize("length", [2, 3])
def test_build_answers_of_sliding_windows_are_learnt_once(tmp_path: Path, length: int) -> None:
    rows = [each for number in range(12) for each in windows(number, length)]
    made = build("windows", write(tmp_path / "rows.jsonl", rows), test=0, validation=0)
    learnt = Counter(
        each["content"]
        for example in rows_of(made)
        for each in example["messages"]
        if each["role"] == "assistant" and each.get("weight") != 0
    )
    answers = {said for number in range(12) for _, said in talk(number, 6)}
    assert learnt == Counter(answers)
    assert findings(made)["repeated-answer"] == 12 * (6 - length)


def test_build_equal_turns_of_other_chats_are_learnt_in_each(tmp_path: Path) -> None:
    rows = [row(talk(number, 3), metadata={"conversation_id": f"chat {number}"}) for number in range(12)]
    rows += [row([*talk(50, 1), *talk(3, 1)], metadata={"conversation_id": "another"})]
    made = build("apart", write(tmp_path / "rows.jsonl", rows), test=0, validation=0)
    assert sorted(map(weights, rows_of(made))) == [[1, 1], *[[1, 1, 1]] * 12]
