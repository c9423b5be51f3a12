"""Short columns that steer an answer, whole responses in a column, failed calls, and answers that show nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io.formats import calls_in
from fine_tuning.datasets import file_check
from tests.datasets.test_building import build, question, write

CHAT = [{"role": "user", "content": "Please book it"}, {"role": "assistant", "content": "Error: timeout"}]


def codes(row: dict[str, Any]) -> list[str]:
    return [each.code for each in file_check.examine(json.dumps(row).encode()).findings]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("target_language", ("German", "French")),
        ("tone", ("warm", "cold")),
        ("max_words", (10, 50)),
        ("style", ("a", "b")),
    ],
)
def test_build_rows_that_differ_in_what_steers_the_answer_stay(
    tmp_path: Path, key: str, values: tuple[Any, Any]
) -> None:
    rows = [{"prompt": question(0), key: value, "response": f"An answer, {value}"} for value in values]
    rows += [{"prompt": question(at), "response": f"Answer {at}"} for at in range(1, 12)]
    made = build("steered", write(tmp_path / "rows.jsonl", rows), test=0, validation=0)
    assert made["counts"]["kept"] == 13
    assert [each["field"] for each in made["findings"] if each["code"] == "unread-column"] == [key]


def test_check_facts_and_what_the_question_says_steer_nothing() -> None:
    row = {"prompt": "Say hello in German", "response": "Hallo", "target_language": "German", "language": "de"}
    assert codes({**row, "category": "chat", "source": "web", "num_tokens": 5, "type": "x", "style": 3}) == []


BODY = {"id": "c", "object": "chat.completion", "choices": [{"message": CHAT[1] | {"content": "A"}}]}


@pytest.mark.parametrize(
    ("asked", "answered"), [("prompt", "response"), ("instruction", "output"), ("question", "answer")]
)
def test_read_response_in_a_column_is_unwrapped(asked: str, answered: str) -> None:
    BODY["choices"][0]["finish_reason"] = "length"  # type: ignore[index]
    (call,) = calls_in({asked: "Q", answered: json.dumps(BODY)})
    assert (call.messages[-1], call.finish_reason) == ({"role": "assistant", "content": "A"}, "length")
    (other,) = calls_in({asked: "Q", answered: '{"choices": 3}'})
    assert other.messages[-1].get("content") == '{"choices": 3}'


@pytest.mark.parametrize(
    "more", [{"status": "error", "error": "upstream timeout"}, {"status": "FAILED"}, {"error": {"message": "timeout"}}]
)
def test_check_failed_call_beside_messages_is_refused(more: dict[str, Any]) -> None:
    assert codes({"messages": CHAT, **more}) == ["failed-call"]
    assert "failed-call" not in codes({"messages": CHAT, "status": "ok", "error": None})
    assert "failed-call" not in codes({"prompt": "Why?", "error": "NameError: x", "response": "x is not defined"})


@pytest.mark.parametrize("text", ["\u200b", "\ufeff", "\u2060 \u200d", "\u3164", "\u2800", "\ufe0f"])
def test_check_invisible_answer_is_empty(text: str) -> None:
    assert codes({"messages": [CHAT[0], {"role": "assistant", "content": text}]}) == ["empty-content"]
    assert codes({"messages": [CHAT[0], {"role": "assistant", "content": f"{text}👍"}]}) == []
