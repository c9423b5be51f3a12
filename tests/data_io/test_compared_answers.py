"""Sets of compared answers, and texts of Harmony: refused by the name of the key, and never half read."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import only

CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
THOUGHT = "<|channel|>analysis<|message|>Think.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>"
COMPARED: dict[str, dict[str, Any]] = {
    "completions holds 2": {"instruction": "Why?", "completions": [{"response": "a", "overall_score": 2.0}] * 2},
    "answers holds 2": {"prompt": "Why?", "answers": [{"answer": "a", "rank": 1}, {"answer": "b", "rank": 2}]},
    "conversation_a and conversation_b": {"conversation_a": CHAT, "conversation_b": CHAT, "winner": "model_a"},
    "response_1 and response_2": {"prompt": "Why?", "response_1": "a", "response_2": "b", "preference_strength": 2},
    "response1 and response2": {"context": CHAT[:1], "response1": "a", "response2": "b", "overall_preference": -2},
    "human_ref_A and human_ref_B": {"history": "Why?", "human_ref_A": "a", "human_ref_B": "b", "labels": 1},
    "answer_0 and answer_1": {"question": {"full_text": "Why?"}, "answer_0": "a", "answer_1": "b", "score_0": 0.5},
    "summaries holds 2": {"info": {"post": "p"}, "summaries": [{"text": "a"}, {"text": "b"}], "choice": 1},
}


@pytest.mark.parametrize("named", COMPARED)
def test_compared_answers_are_refused_by_their_key(named: str) -> None:
    with pytest.raises(DataError, match=f"^{named} .*prompt, chosen and rejected"):
        list(formats.calls_in(COMPARED[named]))


def test_row_of_no_format_says_what_to_write() -> None:
    for row in ({"text": "free text"}, {"vote_a": 1, "vote_b": 2}, {"response_a": "only one"}):
        with pytest.raises(DataError, match="not of any known format .*; name what is asked prompt and the answer"):
            list(formats.calls_in(row))


@pytest.mark.parametrize(
    "row",
    [
        {"text": f"<|start|>user<|message|>Why?<|end|><|start|>assistant{THOUGHT}"},
        {"messages": [CHAT[0], {"role": "assistant", "content": THOUGHT}]},
        {"prompt": "Why?", "response": THOUGHT},
        {"prompt": "<|start|>user<|message|>Why?<|end|><|start|>assistant", "response": "Yes."},
        {"prompt": "Why?", "chosen": "So.", "rejected": THOUGHT},
    ],
)
def test_harmony_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="is Harmony text .*final as content, analysis as reasoning_content"):
        list(formats.calls_in(row))


def test_text_about_harmony_stays() -> None:
    told = "A thought is written <|channel|>analysis<|message|>text<|end|>."
    call = only({"messages": [{"role": "user", "content": THOUGHT}, {"role": "assistant", "content": told}]})
    assert [each["content"] for each in call.messages] == [THOUGHT, told]


@pytest.mark.parametrize(
    ("verdict", "rating"),
    [
        ({"is_safe": False}, 1),
        ({"is_safe": True}, None),
        ({"safe": False}, 1),
        ({"safe": True}, None),
        ({"flagged": True}, 1),
        ({"flagged": False}, None),
        ({"toxic": "no"}, None),
        ({"acceptable": False}, 1),
        ({"judgement": "incorrect"}, 1),
        ({"judgement": "correct"}, None),
        ({"is_harmful": True}, 1),
        ({"is_harmful": False}, None),
        ({"hallucination": "yes"}, 1),
        ({"hallucination": "no"}, None),
        ({"accuracy": 1.0}, None),
        ({"judge_score": 0.9}, None),
    ],
)
def test_answer_that_a_grader_calls_bad_is_a_bad_one(verdict: dict[str, Any], rating: int | None) -> None:
    assert only({"prompt": "How?", "response": "So.", **verdict}).rating == rating
