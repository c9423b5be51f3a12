"""Columns that describe a question, as Magpie's tagger writes them, beside columns that the question needs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import Call
from fine_tuning.errors import DataError

Q, A = "Wie tief ist der Bodensee?", "251 Meter."
TURNS = [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]
TAGS: dict[str, Any] = {
    "intent": "The user wants to know the depth of a lake.",
    "knowledge": "To answer, one needs to know the geography of Lake Constance.",
    "difficulty": "easy",
}
ANNOTATIONS: dict[str, Any] = {
    **TAGS,
    "uuid": "0b1d",
    "model": "meta-llama/Llama-3.1-70B-Instruct",
    "gen_input_configs": {"temperature": 1.0, "top_p": 1.0, "input_generator": "x", "pre_query_template": "<|begin|>"},
    "gen_response_configs": {"prompt": "default", "temperature": 0, "max_tokens": 4096},
    "difficulty_generator": "x",
    "input_quality": "good",
    "quality_explanation": "The question is clear.",
    "quality_generator": "x",
    "task_category": "Information seeking",
    "other_task_category": ["Editing"],
    "task_category_generator": "x",
    "llama_guard_2": "safe",
    "reward_model": "FsfairX",
    "instruct_reward": -1.2,
    "min_neighbor_distance": 0.04,
    "min_similar_conversation_id": "9f",
    "repeat_count": 0,
    "language": "DE",
    "response_length": 10,
}
SHAPES: dict[str, dict[str, Any]] = {
    "turns": {"conversations": TURNS},
    "turns and both texts": {"conversations": TURNS, "instruction": Q, "response": A},
    "texts": {"instruction": Q, "response": A},
    "messages": {"messages": [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]},
    "pair": {"instruction": Q, "chosen": A, "rejected": "3 Meter."},
}


def call_of(row: dict[str, Any]) -> Call:
    (found,) = formats.calls_in(json.loads(json.dumps(row)))
    return found


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("tags", [TAGS, ANNOTATIONS, {**ANNOTATIONS, "intent": None, "difficulty": None}])
def test_annotations_of_a_question_are_metadata(shape: dict[str, Any], tags: dict[str, Any]) -> None:
    call = call_of({**shape, **tags})
    asked = [{"role": "user", "content": Q}]
    assert (call.request_messages(), call.messages[-1]["content"], call.rating) == (asked, A, None)
    kept = {key: value for key, value in tags.items() if value is not None and key != "model"}
    assert {key: call.metadata.get(key) for key in kept} == kept


@pytest.mark.parametrize("key", ["knowledge", "Knowledge", "selected_knowledge", "checked_knowledge"])
@pytest.mark.parametrize("beside", [{}, {"intent": "inform"}, {"difficulty": 2, "quality": "high"}, {"persona": ""}])
@pytest.mark.parametrize("value", ["Der See ist 251 Meter tief.", ["Der See", "ist 251 Meter tief."]])
def test_passage_that_a_dialogue_rests_on_is_refused(key: str, beside: dict[str, Any], value: object) -> None:
    with pytest.raises(DataError, match=f"{key} is not part of the conversation"):
        call_of({"conversations": TURNS, key: value, **beside})


@pytest.mark.parametrize("value", [None, "", [], "geography", "Science & Nature", "n/a", ["math", "physics"], "数学"])
@pytest.mark.parametrize("key", ["knowledge", "Knowledge"])
def test_name_of_a_field_of_knowledge_is_metadata(key: str, value: object) -> None:
    call = call_of({"conversations": TURNS, key: value})
    assert call.metadata == ({} if value is None else {key: value})


@pytest.mark.parametrize("key", ["context", "persona", "passages", "search_results"])
def test_annotations_excuse_no_other_column(key: str) -> None:
    with pytest.raises(DataError, match=f"{key} is not part of the conversation"):
        call_of({"conversations": TURNS, **ANNOTATIONS, key: "Der See ist 251 Meter tief."})


def test_later_turns_in_numbered_columns_are_refused_unless_they_are_turns() -> None:
    more = [{"from": "human", "value": "Und der Chiemsee?"}, {"from": "gpt", "value": "73 Meter."}]
    numbered = {"instruction_2": "Und der Chiemsee?", "response_2": "73 Meter."}
    row = {"instruction": Q, "response": A, **numbered, **TAGS}
    assert len(call_of({**row, "conversations": [*TURNS, *more]}).messages) == 4
    with pytest.raises(DataError, match="instruction_2 is not part of the conversation"):
        call_of(row)
