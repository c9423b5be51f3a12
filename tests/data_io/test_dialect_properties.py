"""What was read once is unchanged when it is read again, and arbitrary JSON is read or refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fine_tuning.data_io.dialects.conversation import ROLES, read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats import chat_checks
from fine_tuning.data_io.formats.findings import CODES
from fine_tuning.errors import DataError
from tests.data_io.test_dialects import ANSWERED, ASKED, CALLS, CONTENTS, IMAGES, RESULTS, UNNAMED_CALLS, asking, read
from tests.data_io.test_round_trips import conversations


@given(conversations())
def test_read_canonical_conversation_is_unchanged(messages: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(messages)
    found = read_messages(messages, "messages")
    assert found == before
    assert messages == before
    assert read_messages(found, "messages") == found


EVERY_DIALECT = {
    **{f"call, {name}": [ASKED, message] for name, message in {**CALLS, **UNNAMED_CALLS}.items()},
    **{f"result, {name}": [ASKED, asking("c1"), message, ANSWERED] for name, message in RESULTS.items()},
    **{f"content, {name}": [{"role": "user", "content": given}] for name, (given, _) in CONTENTS.items()},
    **{f"image, {name}": [{"role": "user", "content": [part]}] for name, part in IMAGES.items()},
}


@pytest.mark.parametrize("name", EVERY_DIALECT)
def test_read_messages_that_were_read_before_are_unchanged(name: str) -> None:
    found = read(*EVERY_DIALECT[name])
    assert read(*found) == found


words = st.sampled_from(
    [*ROLES, "text", "tool_use", "tool_result", "image", "function_call", "tool-track", "tool-invocation", "reasoning",
     "message", "constructor", "file", "tool-result", "image_url", "json", "<tool_call>{}</tool_call>", "[1]", "{}", ""]
)  # fmt: skip
keys = st.sampled_from(
    "role from type content value parts text tool_calls function_call toolInvocations experimental_attachments name "
    "id call_id tool_call_id kwargs data message additional_kwargs function arguments args input output result state "
    "toolInvocation toolUse toolResult functionCall functionResponse image source image_url url refusal weight".split()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | words, inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.lists(st.dictionaries(keys, values, max_size=5), max_size=4))
def test_read_arbitrary_objects_raises_data_errors_only_and_is_done_once(messages: list[dict[str, Any]]) -> None:
    try:
        found = read_messages(messages, "messages")
    except DataError:
        return
    assert all(isinstance(each, dict) for each in found)
    if not any(CODES[each.code].is_error for each in chat_checks.check_row({"messages": found})):
        assert read_messages(found, "messages") == found


@settings(max_examples=200)
@given(values)
def test_read_arbitrary_tools_raises_data_errors_only(tools: object) -> None:
    try:
        read_tools(tools)
    except DataError:
        return
