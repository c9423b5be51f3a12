"""Items of tools that a host runs: calls of servers' tools are read, what only the host has is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ASKED, QUESTION, REPLY, SYSTEM, called, fresh, only, result

ROW = rows.ONE_CALL["openai-responses"]
CALLED = {
    "type": "mcp_call",
    "id": "mcp_1",
    "name": "track",
    "server_label": "shop",
    "arguments": '{"order": 7}',
    "output": "auf dem Weg 🚚",
    "error": None,
    "status": "completed",
}
LISTED = {
    "type": "mcp_list_tools",
    "id": "mcpl_1",
    "server_label": "shop",
    "tools": [{"name": "track", "description": "Finds.", "input_schema": rows.SCHEMA, "annotations": {"title": "T"}}],
}
SERVER = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp", "require_approval": "never"}
TRACK = {"type": "function", "function": {"name": "track", "description": "Finds.", "parameters": rows.SCHEMA}}
MADE = [
    {"role": "assistant", "content": None, "tool_calls": [called("track", '{"order": 7}', "mcp_1")]},
    result("mcp_1", "auf dem Weg 🚚"),
]


def test_call_of_a_servers_tool_is_a_call_and_its_result() -> None:
    row = fresh(ROW, output=[LISTED, CALLED, REPLY], tools=[SERVER])
    Response.model_validate({key: value for key, value in row.items() if key != "input"})
    call = only(row)
    assert call.messages == [SYSTEM, QUESTION, *MADE, ANSWER]
    assert call.tools == [TRACK]
    request = {"model": "m", "input": [{"role": "user", "content": ASKED}, LISTED, CALLED], "tools": [SERVER, TRACK]}
    later = only({"request": request, "response": fresh(rows.RESPONSE, output=[REPLY])})
    assert later.messages == [QUESTION, *MADE, ANSWER]
    assert later.tools == [TRACK, TRACK]
    failed = {**CALLED, "output": None, "error": "timeout"}
    assert only(fresh(row, output=[LISTED, failed, REPLY])).messages[3]["content"] == "Error: timeout"
    approved = [{"type": "mcp_approval_request", "id": "a", "name": "track", "server_label": "shop", "arguments": "{}"},
                {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}]  # fmt: skip
    assert only(fresh(row, output=[LISTED, *approved, CALLED, REPLY])).messages == call.messages


HOSTED: dict[str, dict[str, Any]] = {
    "web_search_call": {"status": "completed", "action": {"type": "search", "query": "order 7"}},
    "file_search_call": {"queries": ["order"], "results": None},
    "code_interpreter_call": {"code": "1 + 1", "container_id": "c", "outputs": None},
    "image_generation_call": {"result": "iVBORw0KGgo="},
    "computer_call": {"call_id": "c", "action": {"type": "click"}},
    "computer_call_output": {"call_id": "c", "output": {"type": "computer_screenshot"}},
    "local_shell_call": {"call_id": "c", "action": {"type": "exec", "command": ["ls"]}},
    "shell_call_output": {"call_id": "c", "output": []},
    "apply_patch_call": {"call_id": "c"},
    "custom_tool_call": {"call_id": "c", "name": "track", "input": "order 7"},
    "custom_tool_call_output": {"call_id": "c", "output": "lost"},
    "new_thing_call": {},
}


@pytest.mark.parametrize("kind", HOSTED)
def test_item_that_only_the_host_has_is_refused_by_name(kind: str) -> None:
    item = {"type": kind, "id": "x_1", **HOSTED[kind]}
    with pytest.raises(DataError, match=rf"output\[0\] is of type '{kind}', (which belongs to its host|whose input)"):
        only(fresh(ROW, output=[item, REPLY]))
    with pytest.raises(DataError, match=rf"input\[1\] is of type '{kind}', (which belongs to its host|whose input)"):
        only(fresh(ROW, input=[{"role": "user", "content": ASKED}, item]))


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ([{**CALLED, "output": None}, REPLY], "'mcp_call', and has no output"),
        ([{**CALLED, "name": None}, REPLY], "must be JSON with name and arguments"),
        ([{"type": "mcp_approval_response", "approve": False}, REPLY], "denies a call of a tool"),
        ([LISTED], "the response has no answer"),
        ([{"type": "mystery"}, REPLY], "output.0. is of type 'mystery', which belongs to its host"),
    ],
)
def test_item_that_is_not_whole_is_refused(output: list[Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        only(fresh(ROW, output=output))


@pytest.mark.parametrize("listed", [[], [{**LISTED, "server_label": "other"}], [{**LISTED, "tools": None}]])
def test_server_whose_tools_are_not_listed_is_refused(listed: list[Any]) -> None:
    with pytest.raises(DataError, match="a tool of type 'mcp' belongs to its host"):
        only(fresh(ROW, output=[*listed, REPLY], tools=[SERVER]))


@pytest.mark.parametrize("kind", ["url_citation", "file_citation", "container_file_citation"])
def test_answer_that_cites_what_its_host_found_is_refused(kind: str) -> None:
    cited = {"annotations": [{"type": kind, "url": "https://x.example", "start_index": 0, "end_index": 3}]}
    part = {**REPLY["content"][0], **cited}
    message = {**rows.COMPLETION["choices"][0]["message"], **cited}
    completion = {**rows.COMPLETION, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    for row in (
        fresh(ROW, output=[{**REPLY, "content": [part]}]),
        {"request": rows.CHAT, "response": completion},
        {"messages": [QUESTION, {**ANSWER, **cited}]},
    ):
        with pytest.raises(DataError, match=f"has a {kind}: the answer rests on what its host has found"):
            only(row)


def test_annotations_of_other_kinds_say_nothing() -> None:
    for found in ([], [{"type": "file_path"}], [None, 3], {"a": 1}, "x", None):
        assert only({"messages": [QUESTION, {**ANSWER, "annotations": found}]}).messages == [QUESTION, ANSWER]


@pytest.mark.parametrize("grounding", [{"webSearchQueries": ["order 7"]}, {"groundingChunks": [{"web": {}}]}])
def test_answer_of_gemini_that_rests_on_a_search_is_refused(grounding: dict[str, Any]) -> None:
    (candidate,) = rows.CANDIDATES["candidates"]
    row = {
        "request": rows.CONTENTS_REQUEST,
        "response": {"candidates": [{**candidate, "groundingMetadata": grounding}]},
    }
    with pytest.raises(DataError, match="groundingMetadata: the answer rests on what its host has found"):
        only(row)
    row["response"] = {"candidates": [{**candidate, "groundingMetadata": {}}]}
    assert len(list(formats.calls_in(row))) == 1


def test_source_and_call_that_the_host_ran_are_refused_in_messages_of_vercel() -> None:
    search = {"type": "tool-web_search", "toolCallId": "c", "state": "output-available", "providerExecuted": True}
    source = {"type": "source-url", "sourceId": "s", "url": "https://x.example"}
    text = {"type": "text", "text": ANSWER["content"]}
    for part in (source, {"type": "source-document", "sourceId": "s"}, {**search, "input": {}, "output": {"hits": 1}}):
        asked = {"role": "user", "parts": [{"type": "text", "text": ASKED}]}
        with pytest.raises(DataError, match=f"is of type '{part['type']}', which belongs to its host"):
            only({"id": "c", "messages": [asked, {"role": "assistant", "parts": [part, text]}]})


CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "run", "input": "print(1)"}


def test_items_beside_their_input_alone_are_a_call() -> None:
    asked = [{"role": "user", "content": ASKED}]
    for row in ({"input": asked, "output": [REPLY]}, {"input": ASKED, "output": [{"type": "reasoning"}, REPLY]}):
        assert formats.format_of(row) == "openai-responses"
        assert only(row).messages == [QUESTION, ANSWER]


@pytest.mark.parametrize(
    "row",
    [
        {"input": [{"role": "user", "content": ASKED}], "output": [CUSTOM]},
        {"input": ASKED, "output": [CUSTOM]},
        {"input": [CUSTOM, {**CUSTOM, "type": "custom_tool_call_output", "output": "1"}], "output": [REPLY]},
        {"input": [{"role": "user", "content": ASKED}], "response": fresh(rows.RESPONSE, output=[CUSTOM])},
        {"request": {"model": "m", "input": ASKED}, "response": fresh(rows.RESPONSE, output=[CUSTOM])},
    ],
)
def test_custom_call_is_refused_by_its_name_wherever_it_stands(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="is of type 'custom_tool_call', whose input is text, and no arguments in JSON"):
        list(formats.calls_in(row))
