"""Requests and responses of OpenAI as they are logged, stored and returned by batches."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ASKED, QUESTION, SYSTEM, TURN, called, fresh, only, result


def test_answers_as_openais_sdk_dumps_them_are_read() -> None:
    response = Response.model_validate(rows.RESPONSE).model_dump(mode="json")
    assert only({"request": {"model": "m", "input": ASKED}, "response": response}).messages[-1] == ANSWER
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": ASKED}], "status": "completed"}
    ]
    assert only({**response, "input": items}, "openai-responses").messages == TURN
    completion = ChatCompletion.model_validate(rows.COMPLETION).model_dump(mode="json")
    assert only({"request": rows.CHAT, "response": completion}, "openai-log").messages == [QUESTION, ANSWER]


class TestResponses:
    ROW = rows.ONE_CALL["openai-responses"]

    def test_stored_response_has_its_facts(self) -> None:
        call = only(self.ROW)
        assert call.messages == TURN
        assert (call.model, call.captured_at, call.finish_reason) == ("gpt-5-mini", 1764000000.0, "stop")
        assert call.usage == {"prompt_tokens": 30, "completion_tokens": 5}
        assert call.metadata == {"response": "resp_1"}
        assert call.tools is not None
        assert call.tools[0]["function"]["name"] == "track"

    def test_items_of_calls_become_one_turn(self) -> None:
        items = [
            {"type": "message", "role": "user", "content": ASKED},
            {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "track", "arguments": '{"order": 7}'},
            {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "track", "arguments": '{"order": 8}'},
            {"type": "function_call_output", "call_id": "c2", "output": "lost"},
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "in a van"}]},
        ]
        request = {"model": "gpt-5", "input": items, "instructions": "Be brief.", "tools": [rows.FUNCTION]}
        row = {"request": request, "response": rows.RESPONSE}
        calls = [called("track", '{"order": 7}', "c1"), called("track", '{"order": 8}', "c2")]
        asking = {"role": "assistant", "content": None, "tool_calls": calls}
        expected = [SYSTEM, QUESTION, asking, result("c2", "lost"), result("c1", "in a van"), ANSWER]
        assert only(row, "openai-responses").messages == expected
        output = [{"type": "function_call", "id": "f", "call_id": "c", "name": "track", "arguments": "{}"}]
        last = only({"request": {"model": "m", "input": ASKED}, "response": {**rows.RESPONSE, "output": output}})
        assert (last.finish_reason, last.messages[-1]["tool_calls"]) == ("tool_calls", [called("track", "{}", "c")])

    @pytest.mark.parametrize(
        ("reason", "ended"), [("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "length")]
    )
    def test_incomplete_response_is_cut_off(self, reason: str | None, ended: str) -> None:
        call = only(fresh(self.ROW, status="incomplete", incomplete_details=reason and {"reason": reason}))
        assert (call.finish_reason, call.is_cut_off) == (ended, True)

    def test_refusal_is_kept(self) -> None:
        refused = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
        assert only(fresh(self.ROW, output=[refused])).messages[-1] == {
            "role": "assistant",
            "content": None,
            "refusal": "No.",
        }

    def test_instructions_of_several_messages_come_first(self) -> None:
        instructions = [{"type": "message", **SYSTEM}, {"role": "user", "content": "Hi"}]
        assert only(fresh(self.ROW, instructions=instructions)).messages == [
            SYSTEM,
            {"role": "user", "content": "Hi"},
            QUESTION,
            ANSWER,
        ]

    @pytest.mark.parametrize("status", ["failed", "cancelled", "queued", "in_progress"])
    def test_response_without_an_answer_has_no_call(self, status: str) -> None:
        assert list(formats.calls_in(fresh(self.ROW, status=status, output=[]))) == []

    @pytest.mark.parametrize(
        ("others", "reason"),
        [
            ({"input": None, "previous_response_id": "resp_0"}, r"'resp_0' \(previous_response_id\)"),
            ({"input": None}, "has no input"),
            ({"input": [], "instructions": [SYSTEM]}, "has no input"),
            ({"previous_response_id": "resp_0"}, "the request has previous_response_id"),
            ({"conversation": {"id": "conv_1"}}, "the request has conversation"),
            ({"output": [{"type": "web_search_call", "id": "w"}]}, "'web_search_call', which belongs to its host"),
            ({"output": []}, "the response has no answer"),
            ({"tools": [{"type": "web_search"}]}, "'web_search' belongs to its host"),
            ({"input": [{"type": "item_reference", "id": "m"}]}, "'item_reference', whose content only the host has"),
            ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "'input_file'"),
        ],
    )
    def test_response_that_is_not_whole_is_refused(self, others: dict[str, Any], reason: str) -> None:
        with pytest.raises(DataError, match=reason):
            only(fresh(self.ROW, **others))

    def test_page_of_input_items_is_read_if_its_order_is_known(self) -> None:
        row = fresh(self.ROW, input_items={"object": "list", "data": self.ROW["input"]})
        del row["input"]
        assert only(row).messages == TURN
        row["input_items"]["data"] = self.ROW["input"] * 2
        with pytest.raises(DataError, match="may be newest first"):
            only(row)


class TestBatch:
    def test_joined_row_is_read_with_any_api(self) -> None:
        call = only(rows.ONE_CALL["batch"], "batch")
        assert call.messages == [QUESTION, ANSWER]
        assert (call.metadata["custom_id"], call.model) == ("r-1", "gpt-4o-2024-08-06")
        responses = {"status_code": 200, "body": rows.RESPONSE}
        row = {**rows.BATCH_OUTPUT, "response": responses, "request": {"model": "m", "input": ASKED}}
        assert only(row, "batch").messages == [QUESTION, ANSWER]
        anthropic = {"custom_id": "r-1", "result": {"type": "succeeded", "message": rows.MESSAGE}}
        assert only({**anthropic, "request": rows.MESSAGES_REQUEST}, "batch").messages == TURN

    def test_half_of_a_batch_says_what_to_add(self) -> None:
        with pytest.raises(DataError, match="import its output file together"):
            only(rows.BATCH_INPUT)
        with pytest.raises(DataError, match="import its input file"):
            only(rows.BATCH_OUTPUT)

    @pytest.mark.parametrize(
        "row",
        [
            {**rows.BATCH_OUTPUT, "response": None, "error": {"code": "batch_expired"}},
            {**rows.BATCH_OUTPUT, "response": {"status_code": 429, "body": {"error": {"message": "slow"}}}},
            {**rows.BATCH_OUTPUT, "response": {"status_code": 200, "body": {"object": "list", "data": []}}},
            {"custom_id": "r-1", "result": {"type": "errored", "error": {"type": "error"}}},
            {"custom_id": "r-1", "result": {"type": "expired"}},
        ],
    )
    def test_failed_request_has_no_call(self, row: dict[str, Any]) -> None:
        assert formats.format_of(row) == "batch"
        assert list(formats.calls_in(row)) == []

    def test_training_row_with_an_id_is_not_of_a_batch(self) -> None:
        assert formats.format_of({"custom_id": "1", "prompt": "a", "response": "b"}) == "prompt-response"


def test_first_of_several_answers_is_read() -> None:
    choices = rows.COMPLETION["choices"]
    other = [{"index": 1, "message": {"role": "assistant", "content": "No."}, "finish_reason": "length"}]
    call = only({"request": rows.CHAT, "response": {**rows.COMPLETION, "choices": [*choices, *other]}})
    assert (call.messages[-1], call.finish_reason) == (ANSWER, "stop")


def test_chat_completions_logs_under_other_names_are_read() -> None:
    call = only(rows.ONE_CALL["openai-log"])
    assert call.messages == [QUESTION, ANSWER]
    assert call.metadata == {"user": "ann", "response": "chatcmpl-1"}
    assert only({"input": rows.CHAT, "output": rows.COMPLETION}, "openai-log").messages == [QUESTION, ANSWER]
    failed = {"request": rows.CHAT, "response": {"error": {"message": "quota", "code": "insufficient_quota"}}}
    assert list(formats.calls_in(failed)) == []
