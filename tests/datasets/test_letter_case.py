"""Capitals that carry meaning, and system prompts: what tells questions apart that have nearly the same words."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.datasets import letter_case, near_duplicates, turns
from fine_tuning.datasets.conversations import groups as conversation_groups

LONG = "in the long list of things that was sent to all of us by the people of the office on the third floor"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("How many mg of salt are in it", "How many Mg of salt are in it"),
        ("Convert 5 mg to grams", "Convert 5 Mg to grams"),
        ("Wandle 5 mm um", "Wandle 5 Mm um"),
        ("How fast is a link of 100 Mb", "How fast is a link of 100 mb"),
        ("What is 5 M of it", "What is 5 m of it"),
        ("How do I use Map() here", "How do I use map() here"),
        ("What does `Node` mean", "What does `node` mean"),
        ("Solve x + X = 3", "Solve x + x = 3"),
        ("Where is $Path set", "Where is $path set"),
        ("Use the -V flag", "Use the -v flag"),
        ("Что значит 5 Mg", "Что значит 5 mg"),
    ],
)
@pytest.mark.parametrize("more", ["", f" {LONG}"])
@pytest.mark.parametrize("threshold", [0.8, 1])
def test_groups_of_questions_that_differ_in_the_case_of_a_unit_or_name_are_two(
    first: str, second: str, more: str, threshold: float
) -> None:
    assert near_duplicates.groups([first + more, second + more], threshold) == [0, 1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What is the capital of France?", "what is the capital of france"),
        ("HOW DO I GET 5 MG OF IT", "How do I get 5 mg of it?"),
        ("How To Be Happy In Life", "How to be happy in life"),
        ("I have 3 Apples and 2 Pears", "I have 3 apples and 2 pears"),
        ("In 2024 I moved to Berlin, what about taxes?", "in 2024 i moved to berlin, what about taxes"),
        ("Ms Smith asked about plan B", "ms smith asked about plan b"),
        ("Which Item(s) are missing?", "which item(s) are missing?"),
    ],
)
def test_groups_of_questions_that_differ_in_the_case_of_words_are_one(first: str, second: str) -> None:
    assert near_duplicates.groups([first, second]) == [0, 0]


def chat(system: str | None, question: str, answer: str) -> dict[str, Any]:
    told = [] if system is None else [{"role": "system", "content": system}]
    return {
        "messages": [*told, {"role": "user", "content": question}, {"role": "assistant", "content": answer}],
    }


@pytest.mark.parametrize("turn", [[], [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]])
def test_build_questions_under_different_system_prompts_are_kept(tmp_path: Path, turn: list[Any]) -> None:
    rows = [
        chat(system, f"How do I reset my password {LONG}{end}", f"{number}")
        for number, system in enumerate(("You answer in French.", "You answer in German.", None))
        for end in ("?", ".")
    ]
    for row in rows:
        at = row["messages"][0]["role"] == "system"
        row["messages"][at:at] = turn
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = DatasetBuilder().build("made", files=[str(path)], near_duplicates=0.8, validation=0, test=0)
    assert (made["counts"]["kept"], made["steps"]["near-duplicates"]) == (3, 3)
    sides = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    for side, part in zip(sides, (rows[:1], rows[2:3]), strict=True):
        side.write_text(json.dumps(part[0]) + "\n")
    assert DatasetBuilder().find_leaks(str(sides[0]), str(sides[1]))["counts"].get("near-duplicate") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Today is 2024-05-01. Be brief.", "Today is 2025-11-30. Be brief."),
        ("It is 10:15 on Monday, 3 May 2024. Be brief.", "It is 9:00 pm on Friday, 12 June 2025. Be brief."),
        ("Be brief.", " be  brief"),
        ("今天是2024年5月1日。", "今天是2025年6月2日。"),
    ],
)
def test_system_prompts_that_differ_in_a_date_alone_are_one(first: str, second: str) -> None:
    keys = [turns.apart([{"role": "system", "content": text}]) for text in (first, second)]
    assert keys[0] == keys[1] != turns.apart([])


def test_examples_in_memory_and_clusters_know_system_prompts() -> None:
    examples = [
        {**chat(f"You are {name}.", "How do I reset my password?", name), "prompt": "How do I reset my password?"}
        for name in ("a clerk", "a poet", "a doctor", "a guide", "a cook")
    ]
    train, test = DatasetBuilder().split_train_test(examples, 0.8)
    assert (len(train), len(test)) == (4, 1)
    chats = [each["messages"] for each in examples]
    assert conversation_groups([*chats, chats[0]], [None] * 6) == [0, 1, 2, 3, 4, 0]


def test_capitals_with_meaning_are_found_as_by_the_whole_expression() -> None:
    rng = random.Random(2)
    parts = [*"MmgbKNIxX5 ()`$%-.'_\n\\", "Map", "::", "es", "\u0430"]
    found = 0
    for _ in range(40_000):
        text = "".join(rng.choices(parts, k=rng.randint(1, 6)))
        is_there = not text[1:].islower() and re.search(letter_case.WORD, text) is not None
        assert letter_case.has_meaning(text) == is_there, text
        found += is_there
    assert 4_000 < found < 36_000
