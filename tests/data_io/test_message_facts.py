"""What data sets and hosts write beside a message does not hinder its training."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import chat_checks
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION

WILDCHAT = {"language": "English", "toxic": False, "redacted": False, "turn_identifier": 7}
MARKED = {"from": "gpt", "value": ANSWERED, "markdown": {"answer": {"type": "success"}}}


@pytest.mark.parametrize(
    "row",
    [
        {
            "conversations": [
                {"from": "human", "value": ASKED, "weight": 0.0},
                {"from": "gpt", "value": ANSWERED, "weight": 1.0},
            ]
        },
        {"messages": [{**QUESTION, "weight": 0}, ANSWER]},
        {"conversation": [{**QUESTION, **WILDCHAT, "country": "France"}, {**ANSWER, **WILDCHAT, "toxic": True}]},
        {"messages": [QUESTION, {**ANSWER, "prefix": False}]},
        {"messages": [QUESTION, {**ANSWER, "thinking": "Hm."}]},
        {"conversations": [{"from": "human", "value": ASKED}, MARKED]},
    ],
)
def test_facts_beside_a_message_are_not_refused_at_a_build(row: dict[str, Any]) -> None:
    (call,) = formats.calls_in(row)
    assert not list(chat_checks.check_row({"messages": call.messages}))
    assert [{**each, "weight": 1} for each in call.messages] == [{**QUESTION, "weight": 1}, {**ANSWER, "weight": 1}]


def test_prefix_that_is_to_be_continued_is_named() -> None:
    (call,) = formats.calls_in({"messages": [QUESTION, {**ANSWER, "prefix": True}]})
    assert [each.field for each in chat_checks.check_row({"messages": call.messages})] == ["messages[1].prefix"]
