"""Pairs whose question or answer is nothing but a mark of redaction are left out in every format of training data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.call import Call

QUESTION, ANSWER = "Where is my parcel?", "It is in Lyon."
MARKS = [
    "REDACTED",
    "[REDACTED]",
    "***",
    "█████",
    "██████ ███",
    "<redacted>",
    "xxxxx",
    "redacted-by-litellm",
    "REDACTED BY POLICY",
    '"[REDACTED]"',
    "[REDACTED_EMAIL].",
    "[REDACTED] [REDACTED]",
    "__OPENINFERENCE_REDACTED__",
    "[已屏蔽]",
    "(скрыто)",
]
KEPT = [
    "[REDACTED] lives at [REDACTED].",
    "My number is ***-**-6789.",
    "xxx",
    "FILTERED",
    "Redacted",
    "MASKED MEN",
    "| --- | --- |",
    "**Yes**",
    "- [x]",
    "XXX",
]


def shapes(asked: str, answered: str) -> Iterator[dict[str, object]]:
    """A pair in each format of training data."""
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    parts = [{**each, "content": [{"type": "text", "text": each["content"]}]} for each in messages]
    yield {"prompt": asked, "response": answered}
    yield {"prompt": asked, "completion": answered}
    yield {"input": asked, "output": answered}
    yield {"question": asked, "answer": answered}
    yield {"instruction": asked, "input": "", "output": answered}
    yield {"messages": messages}
    yield {"messages": parts}
    yield {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answered}]}
    yield {"prompt": asked, "chosen": answered, "rejected": "On Mars."}
    yield {"prompt": asked, "chosen": "In Lyon.", "rejected": answered}
    yield {"chosen": messages, "rejected": [messages[0], {"role": "assistant", "content": "On Mars."}]}
    yield {"contents": [{"role": "user", "parts": [{"text": asked}]}, {"role": "model", "parts": [{"text": answered}]}]}
    yield {"prompt": asked, "completion": answered, "label": True}


def reasons(row: dict[str, object]) -> list[str]:
    return ["" if isinstance(each, Call) else each.why for each in formats.read(row)[1]]


@pytest.mark.parametrize("mark", MARKS)
def test_pair_with_a_mark_alone_is_redacted(mark: str) -> None:
    for asked, answered in ((mark, mark), (mark, ANSWER), (QUESTION, mark)):
        assert [reasons(row) for row in shapes(asked, answered)] == [["redacted"]] * 13


@pytest.mark.parametrize("text", KEPT)
def test_pair_with_a_text_that_holds_a_mark_is_kept(text: str) -> None:
    for asked, answered in ((text, ANSWER), (QUESTION, text)):
        assert [reasons(row) for row in shapes(asked, answered)] == [[""]] * 13


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("Rate this film in stars.", "*****"),
        ("Draw a bar of five blocks.", "█████"),
        ("Repeat the letter x five times.", "xxxxx"),
        ("Redact the name Anna.", "[REDACTED]"),
    ],
)
def test_mark_that_was_asked_for_is_an_answer(asked: str, answered: str) -> None:
    assert [reasons(row) for row in shapes(asked, answered)] == [[""]] * 13
