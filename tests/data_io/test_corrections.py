"""Corrections beside a model's answer: they are the good answers, and what they correct is the bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io.corrections import asks_for_correction, holds_correction
from fine_tuning.datasets import file_check
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ASKED, CHAT, COMPLETION, QUESTION, only

BAD, GOOD = "It is lost.", "On its way."
WRONG = {"role": "assistant", "content": BAD}
SHAPES: dict[str, dict[str, Any]] = {
    "prompt-response": {"prompt": ASKED, "response": BAD},
    "completion": {"prompt": ASKED, "completion": BAD},
    "question-answer": {"question": ASKED, "answer": BAD},
    "alpaca": {"instruction": ASKED, "output": BAD},
    "openai": {"messages": [QUESTION, WRONG]},
    "beside": {"messages": [QUESTION], "response": BAD},
    "sharegpt": {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": BAD}]},
    "openai-log": {
        "request": CHAT,
        "response": {**COMPLETION, "choices": [{"index": 0, "message": WRONG, "finish_reason": "length"}]},
    },
}
NAMES = [
    *("corrected_response", "edited_response", "correctedCompletion", "Edited-Answer", "correction", "corrected"),
    *("revised_answer", "improved_output", "response_correction", "rewritten_text", "fixed response", "better_answer"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_correction_beside_an_answer_is_the_better_one(shape: str, name: str) -> None:
    for beside in ({}, {"rating": 1}, {"rating": 5}, {"thumbs": "down"}):
        call = only({**SHAPES[shape], name: GOOD, **beside})
        assert (call.messages, call.rejected, call.rating) == ([QUESTION, ANSWER], [WRONG], 5)
        assert name not in call.metadata
        assert not call.is_cut_off
    assert only({**SHAPES[shape], name: BAD}).rejected is None  # nothing was changed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("corrected_response", value)
            for value in ("", " ", "no", "Yes", True, None, 7, "none", "N/A", "-", "correct")
        ),
        *(("correction", value) for value in ("no", "0", "1", "false", "2026-01-02T03:04:05Z")),
        *(("correction_reason", "too long"), ("corrected_by", "ann"), ("edited", "ann"), ("revision", "v2")),
        *(("final_answer", "7"), ("expected_tone", "kind"), ("response_time", "9 s"), ("edited_at", "today")),
    ],
)
def test_what_is_no_correction_leaves_the_answer(name: str, value: Any) -> None:
    call = only({**SHAPES["prompt-response"], name: value})
    assert (call.messages[-1], call.rejected, call.rating) == (WRONG, None, None)


@pytest.mark.parametrize(("said", "right"), [("yes", "no"), ("2", "1"), ("0", "1"), ("good", "bad"), ("true", "false")])
def test_answer_that_is_a_verdict_itself_is_corrected_by_another(said: str, right: str) -> None:
    call = only({"prompt": ASKED, "response": said, "corrected_response": right})
    assert call.messages[-1]["content"] == right
    assert call.rejected == [{"role": "assistant", "content": said}]
    assert only({"prompt": ASKED, "response": 5, "corrected_response": 4}).messages[-1]["content"] == "4"


def test_question_alone_is_answered_by_its_correction() -> None:
    call = only({"messages": [QUESTION], "corrected_response": GOOD})
    assert (call.messages, call.rejected, call.rating) == ([QUESTION, ANSWER], None, 5)


def test_corrections_that_differ_are_refused_by_name() -> None:
    row = {**SHAPES["prompt-response"], "corrected_response": GOOD, "edited_answer": "Gone."}
    with pytest.raises(DataError, match="corrected_response and edited_answer are different corrections"):
        only(row)
    assert only({**row, "edited_answer": f" {GOOD}"}).messages == [QUESTION, ANSWER]


@pytest.mark.parametrize("name", NAMES)
def test_questions_to_annotators_share_the_names(name: str) -> None:
    assert holds_correction(name)
    assert asks_for_correction(name)


def test_import_rates_the_correction_and_not_what_it_corrects(tmp_path: Path, workspace: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"prompt,response,edited_answer,correction\n{ASKED},{BAD},{GOOD},\nWhen?,Never.,,Today.\n")
    collector = DistillationDataCollector()
    report = collector.import_files([file])
    assert (report.captured, report.preferences, report.rejected) == (2, 2, [])
    ratings = {each["response"]: each["rating"] for each in collector.get_curated_examples(min_rating=1)}
    assert {text for text, rating in ratings.items() if rating == 5} == {GOOD, "Today."}
    found = file_check.examine(json.dumps({**SHAPES["openai"], "corrected_response": GOOD}).encode())
    assert found.findings == []
