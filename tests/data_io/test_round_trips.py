"""What a format can hold comes back from it unchanged."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fine_tuning.data_io import formats, sources
from fine_tuning.data_io.blank_text import is_placeholder
from fine_tuning.data_io.formats import Call, alpaca, preference, sharegpt, tool_prompt
from fine_tuning.data_io.messages import prompt_and_response_messages
from fine_tuning.data_io.redaction import is_redacted
from fine_tuning.datasets.training_formats import BUILT, json_line, row_of_call, rows_in
from fine_tuning.errors import DataError

WRITERS = sorted(BUILT)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: text.strip() and not is_redacted(text)  # marks of texts that were redacted come back as refused rows
)
parts = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), min_size=1, max_size=2)
tool_calls = st.lists(
    st.builds(
        lambda number, name, value: {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps({"a": value}, ensure_ascii=False)},
        },
        st.integers(0, 9),
        st.sampled_from(["track", "refund"]),
        texts,
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda call: call["id"],
)
tools = st.none() | st.just([{"type": "function", "function": {"name": "track", "parameters": {"type": "object"}}}])


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if draw(st.booleans()):
        found.append({"role": "system", "content": draw(texts)})
    for _ in range(draw(st.integers(1, 3))):
        found.append({"role": "user", "content": draw(texts | parts)} | draw(st.sampled_from([{}, {"name": "ann"}])))
        if draw(st.booleans()):
            asked = draw(tool_calls)
            found.append({"role": "assistant", "content": None, "tool_calls": asked})
            found += [{"role": "tool", "tool_call_id": call["id"], "content": draw(texts)} for call in asked]
        weight = draw(st.sampled_from([{}, {"weight": 0}, {"weight": 1}]))
        found.append({"role": "assistant", "content": draw(texts)} | weight)
    return found


def through(row: dict[str, Any]) -> dict[str, Any]:
    text: dict[str, Any] = json.loads(json_line(row))
    return text


@given(conversations(), tools)
def test_openai_round_trips_every_conversation(messages: list[dict[str, Any]], tools: Any) -> None:
    (row,) = rows_in([{"messages": messages, "tools": tools}], "openai")
    (call,) = formats.calls_in(through(row), "openai")
    assert (call.messages, call.tools) == (messages, tools)


@given(conversations(), texts, tools)
def test_preference_row_round_trips_both_responses(messages: list[dict[str, Any]], other: str, tools: Any) -> None:
    asked, better = messages[:-1], messages[-1:]
    worse = [{"role": "assistant", "content": other + "!"}]
    if better == worse:
        return
    (call,) = formats.calls_in(through(preference.row_of(asked, better, worse, tools)))
    assert (call.request_messages(), call.messages[-1:], call.rejected, call.tools) == (asked, better, worse, tools)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=3), st.none() | texts)
def test_alpaca_row_round_trips_text_turns(turns: list[tuple[str, str]], system: str | None) -> None:
    said = [each for question, answer in turns for each in prompt_and_response_messages(question, answer)]
    messages = [*([{"role": "system", "content": system}] if system else []), *said]
    assume(not any(mark in each["content"] for each in messages for mark in ("<|", "[INST]", "<start_of_turn>")))
    assume(system is None or not is_placeholder(system))
    (call,) = formats.calls_in(through(alpaca.row_of(messages)))
    assert call.messages == messages


@pytest.mark.parametrize("text", ["<|start_header_id|>", "<|im_start|>user\nHi<|im_end|>", "[INST] Hi [/INST]"])
def test_text_that_would_be_read_as_turns_is_refused_in_alpaca_rows(text: str) -> None:
    with pytest.raises(DataError, match="marks of a chat template"):
        alpaca.row_of(prompt_and_response_messages(text, "x"))


@pytest.mark.parametrize("text", ["null", "nan", "None"])
def test_system_prompt_that_would_be_read_as_none_is_refused_in_alpaca_rows(text: str) -> None:
    turns = prompt_and_response_messages("Q", text)
    assert alpaca.row_of(turns)["output"] == text
    with pytest.raises(DataError, match="a system prompt that says nothing, as `null`"):
        alpaca.row_of([{"role": "system", "content": text}, *turns])


def test_alpaca_unsupported_conversation_raises() -> None:
    with pytest.raises(DataError, match="turns of plain text only; use the format openai or sharegpt"):
        alpaca.row_of([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}])
    with pytest.raises(DataError, match="example 1: alpaca rows hold"):
        rows_in([{"prompt": "q", "response": "a", "tools": [{"type": "function"}]}], "alpaca")


CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "track", "arguments": '{"a": 1}'}}
MADE: dict[str, Any] = {**CALL, "id": "call_1_0"}
QUESTION: dict[str, Any] = {"role": "user", "content": "Where?"}
DONE: dict[str, Any] = {"role": "assistant", "content": "At sea."}
SEEN: dict[str, Any] = {"type": "image_url", "image_url": {"url": "https://host.example/a.png"}}


def calling(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [*calls]}


def result_of(call: dict[str, Any]) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call["id"], "content": "sea"}


def test_sharegpt_row_has_calls_and_images_where_trainers_read_them() -> None:
    seen = {"role": "user", "content": [{"type": "text", "text": "What is"}, SEEN, {"type": "text", "text": "here?"}]}
    messages: Any = [seen, calling(MADE), result_of(MADE), DONE, QUESTION, calling(CALL), result_of(CALL), DONE]
    row: Any = sharegpt.row_of(messages)
    value = '{"name": "track", "arguments": {"a": 1}}'
    assert row["images"] == ["https://host.example/a.png"]
    assert row["conversations"] == [
        {"from": "human", "value": "What is<image>here?"},
        {"from": "function_call", "value": value},
        {"from": "observation", "value": "sea"},
        {"from": "gpt", "value": "At sea."},
        {"from": "human", "value": "Where?"},
        {"from": "function_call", "value": value, "tool_call_id": "c1"},
        {"from": "observation", "value": "sea", "tool_call_id": "c1"},
        {"from": "gpt", "value": "At sea."},
    ]
    (call,) = formats.calls_in(through(row))
    assert call.messages == messages


def test_sharegpt_row_of_parallel_calls_at_the_end_is_a_list() -> None:
    other = {**MADE, "id": "call_1_1"}
    (call,) = formats.calls_in(through(dict(sharegpt.row_of(messages := [QUESTION, calling(MADE, other)]))))
    assert call.messages == messages


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([QUESTION, DONE | {"weight": 0}], "weight of messages[1]"),
        ([QUESTION | {"name": "ann"}, DONE], "name of messages[0]"),
        ([QUESTION, {"role": "assistant", "content": None, "refusal": "no"}], "refusal of messages[1]"),
        ([QUESTION | {"role": "developer"}, QUESTION, DONE], "messages[0], of the role developer"),
        ([QUESTION, calling(CALL) | {"content": "Wait."}, result_of(CALL), DONE], "messages[1], of a text and a call"),
        ([QUESTION, calling(CALL, MADE), result_of(CALL), result_of(MADE), DONE], "messages[1], of parallel calls"),
        ([QUESTION, calling(CALL), calling(MADE), result_of(MADE), DONE], "messages[1], a call without one result"),
        ([QUESTION | {"content": [SEEN, {"type": "text", "text": "<image>"}]}, DONE], "the text <image> beside images"),
        ([QUESTION | {"content": [SEEN, {"type": "text", "text": " a"}]}, DONE], "messages[0], of two texts"),
        ([QUESTION | {"content": [{"type": "text", "text": "a"}]}, DONE], "messages[0], whose content is parts"),
        ([QUESTION | {"content": [{**SEEN, "image_url": {"url": "https://a.b/c", "detail": "low"}}]}, DONE], "detail"),
    ],
)
def test_sharegpt_row_refuses_what_the_format_cannot_hold(messages: Any, reason: str) -> None:
    with pytest.raises(DataError, match=f"rows cannot hold (the )?{re.escape(reason)}.*; use the format openai"):
        sharegpt.row_of(messages)


def test_result_of_a_tool_as_text_is_joined_to_results_alone() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "total", "arguments": "{}"}}
    conversation: list[Any] = [
        {"role": "user", "content": "Result of what?"},
        {"role": "tool", "tool_call_id": "c0", "content": "one"},
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "two"},
        {"role": "tool", "tool_call_id": "c2", "content": "three"},
    ]
    texts = [message["content"] for message in tool_prompt.with_tools_as_text(conversation, None)]
    assert texts[:2] == ["Result of what?", "Result of the call: one"]
    assert texts[3] == "Result of total: two\nResult of total: three"


def on_disk(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row as its file has it."""
    if name != "parquet":
        return through(row)
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row]), stream)
    (raw,) = sources.table_rows(pq.read_table(stream))
    value: dict[str, Any] = json.loads(raw.text or b"")
    return value


@st.composite
def calls(draw: st.DrawFn) -> Call:
    messages, worse = draw(conversations()), draw(st.none() | texts)
    answer = messages[-1] | {"content": f"{messages[-1]['content']}+"}
    rejected: Any = None if worse is None else [{"role": "assistant", "content": worse}]
    if draw(st.booleans()):
        url = {"url": "https://host.example/a.png"}
        asked = next(message for message in messages if message["role"] == "user")
        asked["content"] = [{"type": "text", "text": draw(texts)}, {"type": "image_url", "image_url": url}]
    return Call([*messages[:-1], answer], tools=draw(tools), rejected=rejected)


def written(call: Call, row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Call]]:
    """The rows of the formats that express a call, and the call that each is read as."""
    for name in WRITERS:
        if call.rejected is not None and name not in {"preference", "jsonl"}:
            continue  # which take the better answer
        try:
            found = on_disk(name, BUILT[name](call, row))
        except DataError:
            continue
        (again,) = formats.calls_in(found)
        yield found, again


@given(calls())
def test_call_comes_back_through_any_two_formats_that_express_it(call: Call) -> None:
    said = (call.messages, call.tools, call.rejected)
    for row, found in written(call, row_of_call(call)):
        assert (found.messages, found.tools, found.rejected) == said
        for _, again in written(found, row):
            assert (again.messages, again.tools, again.rejected) == said


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_expresses_a_plain_question(name: str) -> None:
    rejected: Any = [{"role": "assistant", "content": "No."}] if name == "preference" else None
    call = Call(prompt_and_response_messages("Is it?", "Yes.", "Be brief."), rejected=rejected)
    (found,) = formats.calls_in(on_disk(name, BUILT[name](call, row_of_call(call))))
    assert (found.messages, found.rejected) == (call.messages, rejected)
