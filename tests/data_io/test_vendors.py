"""Rows of vendors' tools in all their shapes: what is read of each, what is left out, and what is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import chat_checks
from fine_tuning.data_io.formats.findings import CODES
from fine_tuning.datasets.training_formats import rows_in
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWERED, ASKED, fresh

SYSTEM = {"role": "system", "content": "Be brief."}
QUESTION = {"role": "user", "content": ASKED}
ANSWER = {"role": "assistant", "content": ANSWERED}
TURN = [SYSTEM, QUESTION, ANSWER]


def only(row: dict[str, Any], name: str | None = None) -> formats.Call:
    assert name is None or formats.format_of(row) == name
    (call,) = formats.calls_in(row)
    return call


def called(name: str, arguments: str, own_id: str) -> dict[str, Any]:
    return {"id": own_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(own_id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": own_id, "content": text}


def as_text(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a table has it that keeps objects as JSON text."""
    return {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in row.items()}


@pytest.mark.parametrize("name", rows.ONE_CALL)
def test_row_of_each_vendor_written_as_openai_row_has_no_error(name: str) -> None:
    call = only(rows.ONE_CALL[name], name)
    (row,) = rows_in([{"messages": call.messages, "tools": call.tools}], "openai")
    assert [each for each in chat_checks.check_row(row) if CODES[each.code].is_error] == []


@pytest.mark.parametrize("name", rows.ONE_CALL)
@pytest.mark.parametrize("others", [{}, {"domain": None, "messages_2": None, "prompt": None, "response_2": None}])
def test_row_of_each_vendor_padded_with_nulls_is_read_alike(name: str, others: dict[str, Any]) -> None:
    assert only({**others, **rows.ONE_CALL[name]}, name) == only(rows.ONE_CALL[name])


@pytest.mark.parametrize("name", ["openai-log", "anthropic", "bedrock", "gemini", "gemini-log", "argilla", "ai-sdk"])
def test_row_of_vendor_with_json_in_cells_is_read_alike(name: str) -> None:
    assert only(as_text(rows.ONE_CALL[name]), name).messages == only(rows.ONE_CALL[name]).messages


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
            ({"input": [{"type": "item_reference", "id": "m"}]}, "item_reference, whose content only the host has"),
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


class TestAnthropic:
    def test_thinking_is_left_out_and_facts_are_kept(self) -> None:
        call = only(rows.ONE_CALL["anthropic"])
        assert call.messages == TURN
        assert (call.finish_reason, call.captured_at) == ("stop", "2026-01-02T03:04:05Z")
        assert call.tools == [
            {
                "type": "function",
                "function": {"name": "track", "description": "Finds an order.", "parameters": rows.SCHEMA},
            }
        ]

    def test_calls_and_results_are_messages_of_their_own(self) -> None:
        uses = [{"type": "tool_use", "id": f"t{n}", "name": "track", "input": {"order": n}} for n in (7, 8)]
        found = [{"type": "tool_result", "tool_use_id": f"t{n}", "content": f"place {n}"} for n in (8, 7)]
        said = [
            {"role": "user", "content": ASKED},
            {"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, *uses]},
            {"role": "user", "content": [*found, {"type": "text", "text": "Hurry."}]},
        ]
        request = {**rows.MESSAGES_REQUEST, "system": "Be brief.", "messages": said}
        call = only({"request": request, "response": rows.MESSAGE}, "anthropic")
        calls = [called("track", f'{{"order": {n}}}', f"t{n}") for n in (7, 8)]
        assert call.messages == [
            SYSTEM,
            QUESTION,
            {"role": "assistant", "content": "Let me look.", "tool_calls": calls},
            result("t8", "place 8"),
            result("t7", "place 7"),
            {"role": "user", "content": "Hurry."},
            ANSWER,
        ]

    def test_answer_that_continues_the_request_is_one_message(self) -> None:
        begun = {"role": "assistant", "content": "On its"}
        request = {**rows.MESSAGES_REQUEST, "messages": [*rows.MESSAGES_REQUEST["messages"], begun]}
        response = {**rows.MESSAGE, "content": [{"type": "text", "text": " way."}]}
        assert only({"request": request, "response": response}).messages == TURN

    @pytest.mark.parametrize(
        ("stop", "ended"),
        [("max_tokens", "length"), ("refusal", "content_filter"), ("tool_use", "tool_calls"), (None, None)],
    )
    def test_stop_reason_is_kept(self, stop: str | None, ended: str | None) -> None:
        row = {"request": rows.MESSAGES_REQUEST, "response": {**rows.MESSAGE, "stop_reason": stop}}
        assert only(row).finish_reason == ended

    def test_answer_that_is_empty_is_refused_and_an_error_has_none(self) -> None:
        row = {"request": rows.MESSAGES_REQUEST, "response": {**rows.MESSAGE, "content": []}}
        with pytest.raises(DataError, match="the response has no answer"):
            only(row, "anthropic")
        failed = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        assert list(formats.calls_in({"request": rows.MESSAGES_REQUEST, "response": failed})) == []


class TestBedrock:
    def test_invocations_of_each_operation_are_read(self) -> None:
        call = only(rows.INVOCATION, "bedrock-log")
        assert call.messages == TURN
        assert call.model == "anthropic.claude-3-5-sonnet-20240620-v1:0"
        assert call.captured_at == "2026-01-02T03:04:05Z"
        converse = fresh(rows.INVOCATION, operation="Converse")
        converse["input"]["inputBodyJson"] = rows.CONVERSE_REQUEST
        converse["output"]["outputBodyJson"] = rows.CONVERSE_RESPONSE
        found = only(converse)
        assert (found.messages, found.usage) == (TURN, {"prompt_tokens": 20, "completion_tokens": 6})
        assert found.tools is not None
        assert found.tools[0]["function"]["parameters"] == rows.SCHEMA

    def test_streamed_answer_is_joined(self) -> None:
        row = fresh(rows.INVOCATION, operation="InvokeModelWithResponseStream")
        row["output"]["outputBodyJson"] = [
            {"type": "message_start", "message": {**rows.MESSAGE, "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "On its"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " way."}},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "id": "t1", "name": "track", "input": {}},
            },
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"or'}},
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": 'der":7}'},
            },
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 6}},
            {"type": "message_stop"},
        ]
        call = only(row)
        assert call.messages[-1] == {**ANSWER, "tool_calls": [called("track", '{"order": 7}', "t1")]}
        assert call.finish_reason == "tool_calls"

    def test_prompt_with_marks_is_read_and_another_is_refused(self) -> None:
        row = fresh(rows.INVOCATION, modelId="meta.llama3-8b-instruct-v1:0")
        head = "<|start_header_id|>{}<|end_header_id|>\n\n"
        prompt = f"<|begin_of_text|>{head.format('user')}{ASKED}<|eot_id|>{head.format('assistant')}"
        row["input"]["inputBodyJson"] = {"prompt": prompt, "max_gen_len": 9}
        row["output"]["outputBodyJson"] = {"generation": f"\n\n{ANSWERED}", "stop_reason": "length"}
        call = only(row)
        assert (call.messages, call.finish_reason) == ([QUESTION, ANSWER], "length")
        row["input"]["inputBodyJson"] = {"prompt": "Dear model"}
        with pytest.raises(DataError, match="neither messages nor a prompt with the marks"):
            only(row)

    def test_rows_of_batch_inference_and_those_without_a_call(self) -> None:
        row = {"recordId": "1", "modelInput": rows.MESSAGES_REQUEST, "modelOutput": rows.MESSAGE}
        assert only(row, "bedrock-log").messages == TURN
        failed = {"recordId": "1", "modelInput": rows.MESSAGES_REQUEST, "error": {"errorCode": 400}}
        embedding = fresh(rows.INVOCATION)
        embedding["input"]["inputBodyJson"], embedding["output"]["outputBodyJson"] = (
            {"inputText": "a"},
            {"embedding": [1]},
        )
        assert [list(formats.calls_in(each)) for each in (failed, embedding)] == [[], []]
        elsewhere = fresh(rows.INVOCATION)
        elsewhere["input"] = {"inputBodyS3Path": "s3://bucket/key.json.gz"}
        with pytest.raises(DataError, match=r"in another file \(s3://bucket/key.json.gz\)"):
            only(elsewhere)


class TestGemini:
    def test_log_of_either_spelling_is_read(self) -> None:
        call = only(rows.ONE_CALL["gemini-log"])
        assert call.messages == TURN
        assert (call.model, call.finish_reason) == ("gemini-2.5-flash", "stop")
        assert call.usage == {"prompt_tokens": 9, "completion_tokens": 3}
        assert call.tools is not None
        assert call.tools[0]["function"]["parameters"]["properties"] == {"order": {"type": "integer"}}
        candidate = {
            "content": {"parts": [{"text": ANSWERED, "thought": False}], "role": "model"},
            "finish_reason": "MAX_TOKENS",
        }
        snake = {"candidates": [candidate, candidate], "usage_metadata": {"prompt_token_count": 9}}
        request = {"system_instruction": "Be brief.", "contents": [{"parts": [{"text": ASKED}]}]}
        found = only({"request": request, "response": snake}, "gemini-log")
        assert (found.messages, found.finish_reason) == (TURN, "length")

    def test_config_of_the_sdks_is_part_of_the_request(self) -> None:
        config = {"system_instruction": "Be brief.", "tools": rows.CONTENTS_REQUEST["tools"], "temperature": 0.1}
        request = {"model": "gemini-2.5-flash", "contents": ASKED, "config": config}
        call = only({"request": request, "response": rows.CANDIDATES}, "gemini-log")
        assert (call.messages, len(call.tools or ())) == (TURN, 1)
        with pytest.raises(DataError, match="the request has cached_content"):
            only({"request": {**request, "config": {"cached_content": "c/1"}}, "response": rows.CANDIDATES})

    def test_calls_results_and_images_are_read(self) -> None:
        call = {"functionCall": {"name": "track", "args": {"order": 7}}}
        answered = {"functionResponse": {"name": "track", "response": {"place": "van"}}}
        picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
        contents = [
            {"role": "user", "parts": [{"text": ASKED}, picture]},
            {"role": "model", "parts": [call]},
            {"role": "function", "parts": [answered]},
            {"role": "model", "parts": [{"text": ANSWERED}]},
        ]
        found = only({"contents": contents}, "gemini").messages
        url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
        assert found[0]["content"] == [{"type": "text", "text": ASKED}, url]
        (made,) = found[1]["tool_calls"]
        assert found[2:] == [result(made["id"], '{"place": "van"}'), ANSWER]

    @pytest.mark.parametrize(
        ("part", "reason"),
        [
            ({"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}}, "audio/mp3 cannot be trained on"),
            ({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}}, "video/mp4 cannot be trained on"),
        ],
    )
    def test_part_that_is_neither_text_nor_image_is_refused(self, part: dict[str, Any], reason: str) -> None:
        contents = [{"role": "user", "parts": [part]}, {"role": "model", "parts": [{"text": ANSWERED}]}]
        with pytest.raises(DataError, match=reason):
            only({"contents": contents})

    def test_blocked_and_failed_requests_have_no_call(self) -> None:
        blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "gemini-2.5-flash"}
        row = {"request": rows.CONTENTS_REQUEST, "response": blocked}
        assert formats.format_of(row) == "gemini-log"
        failed = {"request": rows.CONTENTS_REQUEST, "response": {}, "status": "Bad Request: {...}"}
        assert [list(formats.calls_in(each)) for each in (row, failed)] == [[], []]
        cut = {"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]}
        with pytest.raises(DataError, match="has no answer .it ended with length"):
            only({"request": rows.CONTENTS_REQUEST, "response": cut})
        with pytest.raises(DataError, match="'googleSearch' belongs to its host"):
            only({"request": {**rows.CONTENTS_REQUEST, "tools": [{"googleSearch": {}}]}, "response": rows.CANDIDATES})
        with pytest.raises(DataError, match="the request has cachedContent"):
            only({"request": {**rows.CONTENTS_REQUEST, "cachedContent": "c/1"}, "response": rows.CANDIDATES})


@pytest.mark.parametrize("name", ["openai-log", "anthropic", "gemini-log"])
def test_log_with_facts_beside_keeps_them_and_loses_no_question(name: str) -> None:
    call = only({**rows.ONE_CALL[name], "rating": 2, "domain": "shop", "tag": "a", "metadata": {"b": 1}})
    assert (call.rating, call.domain) == (2, "shop")
    assert {"tag": "a", "b": 1}.items() <= call.metadata.items()
    with pytest.raises(DataError, match="question is not part of the conversation"):
        only({**rows.ONE_CALL[name], "question": "Something else?"})


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


ASKING = {"role": "assistant", "content": None, "tool_calls": [called("track", '{"order": 7}', "call_1")]}


class TestAiSdk:
    def test_steps_of_a_message_are_turns(self) -> None:
        call = only(rows.UI_CHAT, "ai-sdk")
        assert call.messages == [QUESTION, ASKING, result("call_1", '{"place": "van"}'), ANSWER]
        assert call.metadata == {"id": "chat-1"}

    @pytest.mark.parametrize(
        ("part", "text"),
        [
            ({"state": "output-error", "errorText": "gone"}, "gone"),
            ({"state": "output-denied", "approval": {"id": "a", "approved": False, "reason": "private"}}, "private"),
            ({"state": "output-available", "output": "van"}, "van"),
            ({"state": "output-available", "output": {"type": "text", "value": "van"}}, "van"),
        ],
    )
    def test_states_of_tools_become_results(self, part: dict[str, Any], text: str) -> None:
        for kind in ({"type": "tool-track"}, {"type": "dynamic-tool", "toolName": "track"}):
            made = {**kind, "toolCallId": "call_1", "input": {"order": 7}, **part}
            parts = [made, {"type": "text", "text": ANSWERED}]
            row = {"messages": [QUESTION, {"id": "m", "role": "assistant", "parts": parts}]}
            assert only(row, "ai-sdk").messages == [QUESTION, ASKING, result("call_1", text), ANSWER]

    def test_call_that_was_not_whole_is_left_out(self) -> None:
        part = {"type": "tool-track", "toolCallId": "call_1", "state": "input-streaming", "input": {}}
        parts = [part, {"type": "text", "text": ANSWERED}]
        assert only({"messages": [QUESTION, {"role": "assistant", "parts": parts}]}).messages == [QUESTION, ANSWER]

    @pytest.mark.parametrize("is_in_parts", [True, False])
    def test_messages_of_version_4_are_read(self, is_in_parts: bool) -> None:
        invocation = {
            "state": "result", "step": 0, "toolCallId": "call_1", "toolName": "track",
            "args": {"order": 7}, "result": "van",
        }  # fmt: skip
        parts = [
            {"type": "step-start"},
            {"type": "tool-invocation", "toolInvocation": invocation},
            {"type": "step-start"},
            {"type": "text", "text": ANSWERED},
        ]
        answer = {
            "id": "m", "role": "assistant", "content": ANSWERED, "createdAt": "2026-01-02T03:04:05Z",
            "toolInvocations": [invocation], **({"parts": parts} if is_in_parts else {}),
        }  # fmt: skip
        picture = {"name": "a.png", "contentType": "image/png", "url": "https://example.com/a.png"}
        asked = {"id": "q", "role": "user", "content": ASKED, "experimental_attachments": [picture]}
        found = only({"messages": [asked, answer]}, "ai-sdk").messages
        image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
        assert found[0]["content"] == [{"type": "text", "text": ASKED}, image]
        assert found[1:] == [ASKING, result("call_1", "van"), ANSWER]

    def test_calls_of_later_steps_beside_the_text_are_turns_of_their_own(self) -> None:
        invocations = [
            {
                "state": "result",
                "step": step,
                "toolCallId": own,
                "toolName": "track",
                "args": {"order": 7},
                "result": own,
            }
            for step, own in ((0, "c1"), (0, "c2"), (1, "c3"))
        ]
        answer = {"role": "assistant", "content": ANSWERED, "toolInvocations": invocations}
        found = only({"messages": [QUESTION, answer]}, "ai-sdk").messages
        assert [len(each.get("tool_calls", ())) for each in found] == [0, 2, 0, 0, 1, 0, 0]
        assert [each["tool_call_id"] for each in found if each["role"] == "tool"] == ["c1", "c2", "c3"]
        assert found[-1] == ANSWER

    def test_model_messages_are_read(self) -> None:
        made = {"type": "tool-call", "toolCallId": "call_1", "toolName": "track", "input": {"order": 7}}
        output = {"type": "json", "value": {"place": "van"}}
        found = {"type": "tool-result", "toolCallId": "call_1", "toolName": "track", "output": output}
        said = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": ASKED}]},
            {"role": "assistant", "content": [{"type": "reasoning", "text": "Look."}, made]},
            {"role": "tool", "content": [found]},
            {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]},
        ]
        expected = [SYSTEM, QUESTION, ASKING, result("call_1", '{"place": "van"}'), ANSWER]
        assert only({"messages": said}, "ai-sdk").messages == expected

    def test_file_that_is_no_image_is_refused(self) -> None:
        file = {"type": "file", "mediaType": "application/pdf", "url": "https://example.com/a.pdf"}
        row = {"messages": [{"role": "user", "parts": [{"type": "text", "text": ASKED}, file]}, ANSWER]}
        with pytest.raises(DataError, match="a part of type 'file' cannot be trained on"):
            only(row)


class TestOpenWebUi:
    def test_rated_answer_is_read_with_the_other_one(self) -> None:
        call = only(rows.FEEDBACK, "open-webui")
        assert (call.messages, call.rejected) == (TURN, [{"role": "assistant", "content": "No idea."}])
        assert (call.rating, call.model, call.captured_at) == (5, "qwen", 1764000000)
        facts = {
            "chat": "c-1",
            "user_id": "u-1",
            "reason": "accurate_information",
            "tags": ["orders"],
            "details": {"rating": 9},
            "feedback": "f-1",
        }
        assert call.metadata == facts

    def test_answer_that_lost_is_the_rejected_one(self) -> None:
        row = fresh(rows.FEEDBACK)
        row["data"]["rating"], row["meta"]["message_id"] = "-1", "b"
        call = only(row)
        assert (call.messages, call.rejected) == (TURN, [{"role": "assistant", "content": "No idea."}])
        tree = row["snapshot"]["chat"]["chat"]["history"]["messages"]
        tree["a"]["childrenIds"] = ["b"]
        alone = only(row)
        assert (alone.messages[-1]["content"], alone.rating, alone.rejected) == ("No idea.", 1, None)

    def test_chat_is_read_up_to_its_last_answer(self) -> None:
        assert only(rows.WEBUI_CHAT, "open-webui").messages == TURN
        row = fresh(rows.WEBUI_CHAT)
        row["chat"]["history"]["currentId"] = "b"
        assert only(row).messages[-1]["content"] == "No idea."

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"snapshot": {}}, "has no snapshot of its chat"),
            ({"meta": {"message_id": "x"}}, "has no message 'x'"),
            ({"meta": {"message_id": "a"}}, "the chat has no answer"),
        ],
    )
    def test_feedback_without_its_answer_is_refused(self, change: dict[str, Any], reason: str) -> None:
        with pytest.raises(DataError, match=reason):
            only(fresh(rows.FEEDBACK, **change))

    def test_reasoning_is_left_out_and_what_the_model_had_elsewhere_is_refused(self) -> None:
        row = fresh(rows.WEBUI_CHAT)
        answer = row["chat"]["history"]["messages"]["c"]
        summary = "<summary>Thought for 3 seconds</summary>"
        answer["content"] = f'<details type="reasoning" done="true">\n{summary}\n> Look.\n</details>\n{ANSWERED}'
        assert only(row).messages == TURN
        answer["content"] = f'<details type="tool_calls" name="track"></details>\n{ANSWERED}'
        with pytest.raises(DataError, match="calls of tools as HTML"):
            only(row)
        answer.update(content=ANSWERED, sources=[{"source": {"name": "a.pdf"}, "document": ["..."]}])
        with pytest.raises(DataError, match="was made from sources"):
            only(row)

    def test_loop_and_file_are_refused(self) -> None:
        row = fresh(rows.WEBUI_CHAT)
        tree = row["chat"]["history"]["messages"]
        tree["a"]["files"] = [{"type": "image", "url": "data:image/png;base64,aGk="}]
        assert only(row).messages[1]["content"][1]["type"] == "image_url"
        tree["a"]["files"] = [{"type": "file", "name": "a.pdf"}]
        with pytest.raises(DataError, match="has a file, whose text is not in the export"):
            only(row)
        tree["a"]["parentId"] = "c"
        with pytest.raises(DataError, match="which another one names"):
            only(row)


class TestArgilla:
    def test_answers_of_people_come_before_suggestions(self) -> None:
        call = only(rows.ARGILLA, "argilla")
        assert (call.messages, call.rating) == ([QUESTION, ANSWER], 4)
        assert call.metadata == {
            "source": "crm",
            "record": "1",
            "status": "completed",
            "answers": {"rating": 4},
        }
        suggested = fresh(rows.ARGILLA, responses={})
        assert only(suggested).rating == 2

    def test_record_of_version_1_is_read(self) -> None:
        values = {"response": {"value": ANSWERED}, "quality": {"value": 3}}
        row = {
            "fields": {"prompt": ASKED, "context": "Orders: 7."},
            "responses": [
                {"user_id": "u", "status": "discarded", "values": None},
                {"user_id": "v", "status": "submitted", "values": values},
            ],
            "suggestions": [{"question_name": "response", "value": "No idea.", "agent": "gpt"}],
            "external_id": None,
            "metadata": "{}",
        }
        call = only(row, "argilla")
        assert call.messages == [{"role": "user", "content": f"{ASKED}\n\nOrders: 7."}, ANSWER]
        assert call.rating == 3
        del values["quality"]
        assert only(row).rating == 5  # somebody wrote it

    def test_flat_record_is_read(self) -> None:
        row = {
            "id": "1", "status": "completed", "_server_id": None, "instruction": ASKED, "response": ANSWERED,
            "rating.responses": [2], "rating.responses.users": ["u"], "rating.responses.status": ["submitted"],
        }  # fmt: skip
        call = only(row, "argilla")
        assert (call.messages, call.rating) == ([QUESTION, ANSWER], 2)

    @pytest.mark.parametrize(
        "choice", ["response_b", [{"value": "response_b", "rank": 1}, {"value": "response_a", "rank": 2}]]
    )
    def test_comparison_is_a_pair(self, choice: object) -> None:
        fields = {"prompt": ASKED, "response_a": "No idea.", "response_b": ANSWERED}
        row = {"fields": fields, "responses": {"preference": [{"value": choice, "user_id": "u"}]}, "suggestions": {}}
        call = only(row, "argilla")
        assert (call.messages, call.rejected) == ([QUESTION, ANSWER], [{"role": "assistant", "content": "No idea."}])
        tie = [{"value": "response_a", "rank": 1}, {"value": "response_b", "rank": 1}]
        row["responses"] = {"preference": [{"value": tie, "user_id": "u"}]}
        with pytest.raises(DataError, match="no answer says which is better"):
            only(row)

    def test_discarded_record_has_no_call_and_others_name_what_is_missing(self) -> None:
        discarded = fresh(rows.ARGILLA, responses={"rating": [{"value": 1, "status": "discarded"}]})
        assert list(formats.calls_in(discarded)) == []
        with pytest.raises(DataError, match="has no question"):
            only(fresh(rows.ARGILLA, fields={"text": "a"}))
        with pytest.raises(DataError, match="has no answer"):
            only(fresh(rows.ARGILLA, fields={"prompt": "a"}))


class TestQuestionsAndTexts:
    @pytest.mark.parametrize(
        ("asked", "answered"),
        [("question", "answer"), ("query", "response"), ("input", "output"), ("Q", "A"), ("Question", "Answer"),
         ("question", "response"), ("instruction", "response"), ("query", "answer"), ("prompt", "answer")],
    )  # fmt: skip
    def test_columns_in_common_use_are_read(self, asked: str, answered: str) -> None:
        call = only({asked: ASKED, answered: ANSWERED, "source": "crm"}, "question-answer")
        assert (call.messages, call.metadata) == ([QUESTION, ANSWER], {"source": "crm"})

    def test_dolly_and_openorca_are_read(self) -> None:
        dolly = {"instruction": ASKED, "context": "", "response": ANSWERED, "category": "open_qa"}
        assert only(dolly).messages == [QUESTION, ANSWER]
        with_context = only({**dolly, "context": "Orders: 7."})
        assert with_context.messages[0]["content"] == f"{ASKED}\n\nOrders: 7."
        assert with_context.metadata == {"category": "open_qa"}
        orca = {"id": "niv.1", "system_prompt": "Be brief.", "question": ASKED, "response": ANSWERED}
        assert only(orca, "question-answer").messages == TURN

    @pytest.mark.parametrize(
        "row",
        [
            {"question": ASKED, "answer": ANSWERED, "input": "a"},
            {"question": ASKED, "answer": ANSWERED, "response": "b"},
            {"question": ASKED, "answer": 3},
        ],
    )
    def test_columns_that_are_open_are_no_question_and_answer(self, row: dict[str, Any]) -> None:
        assert formats.format_of(row) is None

    def test_input_beside_an_instruction_is_part_of_the_question(self) -> None:
        row = {"instruction": "Where is", "input": "order 7?", "response": ANSWERED}
        assert only(row, "question-answer").messages[0]["content"] == "Where is\n\norder 7?"

    @pytest.mark.parametrize("key", ["options", "choices"])
    def test_options_beside_a_question_are_refused(self, key: str) -> None:
        with pytest.raises(DataError, match=f"{key} are part of the question; write them into it"):
            only({"question": ASKED, "answer": "B", key: ["a van", "a ship"]})

    @pytest.mark.parametrize("others", [{"documents": ["a b"]}, {"history": [["a", "b"]]}])
    def test_column_of_the_conversation_is_not_lost(self, others: dict[str, Any]) -> None:
        with pytest.raises(DataError, match="is not part of the conversation, and would be lost"):
            only({"question": ASKED, "answer": ANSWERED, **others})

    @pytest.mark.parametrize(
        "text",
        [
            f"<|im_start|>system\nBe brief.<|im_end|>\n{rows.CHATML}<|endoftext|>",
            f"<|im_start|>system\nBe brief.<|im_end|>\n{rows.CHATML.removesuffix('<|im_end|>' + chr(10))}",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user"
            f"<|end_header_id|>\n\n{ASKED}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{ANSWERED}<|eot_id|>",
            f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{ASKED} [/INST] {ANSWERED} </s>",
        ],
    )
    def test_marks_of_chat_templates_are_turns(self, text: str) -> None:
        assert only({"text": text}, "chat-text").messages == TURN

    def test_prompt_with_marks_and_its_answer_are_read(self) -> None:
        prompt = f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n"
        row = {"prompt": prompt, "completion": f" {ANSWERED}<|im_end|>"}
        assert only(row, "chat-text").messages == [QUESTION, ANSWER]

    def test_several_turns_and_tools_in_marks_are_read(self) -> None:
        text = f"<s>[INST] Hi [/INST] Hello</s><s>[INST] {ASKED} [/INST] {ANSWERED}</s>"
        hello = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
        assert only({"text": text}).messages == [*hello, QUESTION, ANSWER]
        call = '<tool_call>\n{"name": "track", "arguments": {"order": 7}}\n</tool_call>'
        turns = [("user", ASKED), ("assistant", call), ("user", "<tool_response>\nvan\n</tool_response>"),
                 ("assistant", ANSWERED)]  # fmt: skip
        text = "".join(f"<|im_start|>{role}\n{words}<|im_end|>\n" for role, words in turns)
        found = only({"text": text}).messages
        assert [each["role"] for each in found] == ["user", "assistant", "tool", "assistant"]
        assert found[2]["content"] == "van"

    @pytest.mark.parametrize("text", ["Use [INST] here.", "The mark <|im_start|> begins a turn.", "[INST] left open"])
    def test_text_that_names_marks_is_no_conversation(self, text: str) -> None:
        assert formats.format_of({"text": text}) is None

    @pytest.mark.parametrize(
        "text",
        [f"{rows.CHATML}and more", f'<s>[INST] {ASKED} [/INST] [TOOL_CALLS] [{{"name": "track"}}]</s>'],
    )
    def test_text_beside_marks_is_refused(self, text: str) -> None:
        with pytest.raises(DataError, match="marks of a chat template, and text beside them"):
            only({"text": text})


WRONG: tuple[Any, ...] = (
    None,
    0,
    True,
    "",
    "x",
    "[1]",
    '{"a": 1}',
    [],
    [None],
    ["x"],
    {},
    {"a": 1},
    [{}],
    {"type": ["a"]},
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a row."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*place, key)
        yield from places(each, (*place, key))


def reason_of(row: dict[str, Any]) -> str:
    """Why a row is refused; empty if it is read."""
    try:
        list(formats.calls_in(row))
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", rows.ONE_CALL)
def test_row_with_anything_in_any_place_is_read_or_refused_in_one_line(name: str) -> None:
    for place in places(rows.ONE_CALL[name]):
        for wrong in (*WRONG, ...):
            row = fresh(rows.ONE_CALL[name])
            holder: Any = row
            for key in place[:-1]:
                holder = holder[key]
            if wrong is ...:
                del holder[place[-1]]
            else:
                holder[place[-1]] = wrong
            reason = reason_of(row)
            assert "Error: " not in reason, (place, wrong)
            assert "\n" not in reason
