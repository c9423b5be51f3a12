"""Why an answer ended, under any spelling of a name, in what a row holds of its call, and in messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

SHAPES: list[dict[str, Any]] = [
    {"messages": [QUESTION, ANSWER]},
    {"prompt": ASKED, "response": ANSWERED},
    {"question": ASKED, "answer": ANSWERED},
]
LIMITED: list[dict[str, Any]] = [
    {"response_metadata": {"finish_reason": "length"}},
    {"response_metadata.finish_reason": "length"},
    {"generation_info": json.dumps({"finish_reason": "length"})},
    {"extra": {"stop_reason": "max_tokens"}},
    {"metadata": {"generation_info": {"finishReason": "MAX_TOKENS"}}},
    *({"finish_reason": reason} for reason in ("2", 2.0, "2.0", "maxTokens", "max-tokens", " Length ")),
    *({key: "max_tokens"} for key in ("stopReason", "finish-reason", "native_finish_reason", "Stop Reason", "finish")),
    *({"stop_type": "limit"}, {"stopped_limit": True}, {"truncated": 1}, {"isTruncated": "yes"}, {"complete": "no"}),
    *({"completed": False}, {"meta": {"truncated": True}}, {"incomplete_details": {"reason": "max_output_tokens"}}),
    *({"incomplete_details": '{"reason": "max_output_tokens"}'}, {"incomplete_details.reason": "max_output_tokens"}),
    *({"finish_details": {"type": "max_tokens"}}, {"stop_reason": "contextWindowExceeded"}),
]


@pytest.mark.parametrize("fields", LIMITED)
@pytest.mark.parametrize("shape", SHAPES)
def test_limit_is_known_wherever_it_is_stated(shape: dict[str, Any], fields: dict[str, Any]) -> None:
    assert only({**shape, **fields}).finish_reason == "length"


@pytest.mark.parametrize("fields", LIMITED)
def test_limit_is_known_in_the_message_of_the_answer(fields: dict[str, Any]) -> None:
    assert only({"messages": [QUESTION, {**ANSWER, **fields}]}).finish_reason == "length"


@pytest.mark.parametrize(
    "fields",
    [
        {"interrupted": True},
        {"stop_reason": "userAbort"},
        {"finish_reason": "failed"},
        {"meta": {"end_reason": "timeout"}},
    ],
)
def test_answer_that_was_broken_off_is_marked(fields: dict[str, Any]) -> None:
    assert only({**SHAPES[1], **fields}).finish_reason == "error"


@pytest.mark.parametrize("fields", [{"error": True}, {"is_error": True}, {"status": "failed"}, {"error": {"code": 5}}])
def test_message_of_an_answer_that_failed_is_no_whole_answer(fields: dict[str, Any]) -> None:
    assert only({"messages": [QUESTION, {**ANSWER, **fields}]}).finish_reason == "error"
    assert not only({"messages": [{**QUESTION, **fields}, ANSWER]}).is_cut_off


@pytest.mark.parametrize(
    "fields",
    [
        *({"finish": "Matte"}, {"finish_reason": "1"}, {"stopReason": "endTurn"}, {"stop": ["\n"]}, {"truncated": "0"}),
        *({"complete": True}, {"incomplete_details": None}, {"extra": {"stop_reason": "end_turn"}}, {"partial": 3}),
        *({"finish_reason": ""}, {"streaming": True}, {"truncated": None}, {"stop_reason": "stop_sequence"}),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_whole_answer_is_not_marked(shape: dict[str, Any], fields: dict[str, Any]) -> None:
    assert not only({**shape, **fields}).is_cut_off


def test_reason_that_is_not_known_stays_in_the_metadata() -> None:
    fields = {"finish": "Matte", "finish_reason": "eclipse"}
    assert only({**SHAPES[1], **fields}).metadata == fields
    assert only({**SHAPES[1], "finish_reason": "stop"}).metadata == {}
