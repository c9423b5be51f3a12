"""Requests and responses of Anthropic, Amazon Bedrock and Gemini as they are logged."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, SYSTEM, TURN, called, fresh, only, result


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
        row["input"]["inputBodyJson"] = {"prompt": f"\n\nHuman: {ASKED}\n\nAssistant:", "max_tokens_to_sample": 9}
        row["output"]["outputBodyJson"] = {
            "type": "completion",
            "completion": f" {ANSWERED}",
            "stop_reason": "max_tokens",
        }
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

    def test_one_content_is_a_list_of_one(self) -> None:
        one = {"contents": {"role": "user", "parts": {"text": ASKED}}}
        response = {"candidates": [{"content": {"role": "model", "parts": {"text": ANSWERED}}, "finishReason": "STOP"}]}
        found = only({"request": one, "response": response}).messages
        assert [each["content"] for each in found] == [ASKED, ANSWERED]

    @pytest.mark.parametrize(
        ("part", "reason"),
        [
            ({"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}}, "audio/mp3 is neither text nor an image"),
            (
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}},
                "video/mp4 is neither text nor an image",
            ),
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
