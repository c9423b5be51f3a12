"""Sessions of Google's Agent Development Kit: both cases, tools, several agents, rewinds and pieces of streams."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, QUESTION, SYSTEM, called, fresh, only, result

ASKING, ANSWERING = rows.SESSION["events"]


def event(author: str, *parts: Any, **others: Any) -> dict[str, Any]:
    role = "user" if author == "user" else "model"
    return {
        "id": "e",
        "invocationId": "i1",
        "author": author,
        "content": {"role": role, "parts": list(parts)},
        **others,
    }


def snake(value: Any) -> Any:
    """A session with its names in snake case, and with the nulls of a dump."""
    if isinstance(value, dict):
        named = {
            re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", key): snake(each) for key, each in value.items()
        }
        return {**named, "partial": None, "error_code": None} if "author" in value else named
    return [snake(each) for each in value] if isinstance(value, list) else value


CALL = {"functionCall": {"id": "adk-1", "name": "track", "args": {"order": 7}}, "thoughtSignature": "c2ln"}
MADE = {"functionResponse": {"id": "adk-1", "name": "track", "response": {"place": "Zürich 🚚"}}}
USING = fresh(rows.SESSION, events=[ASKING, event("clerk", CALL), event("clerk", MADE), ANSWERING])


@pytest.mark.parametrize("written", [dict, snake])
def test_session_has_its_facts(written: Any) -> None:
    row = written(rows.SESSION)
    assert formats.format_of(row) == "google-adk"
    call = only(row)
    assert call.messages == [QUESTION, ANSWER]
    assert (call.model, call.captured_at, call.finish_reason) == ("gemini-2.5-flash", 1764000009.5, "stop")
    assert call.usage == {"prompt_tokens": 9, "completion_tokens": 3}
    facts = {"session_id": "s-1", "app_name": "shop", "user_id": "ann", "state": {"basket": 2}, "agents": ["clerk"]}
    assert call.metadata == facts


@pytest.mark.parametrize("written", [dict, snake])
def test_calls_of_tools_and_their_results_are_read(written: Any) -> None:
    made = {"role": "assistant", "content": None, "tool_calls": [called("track", '{"order": 7}', "adk-1")]}
    assert only(written(USING)).messages == [QUESTION, made, result("adk-1", '{"place": "Zürich 🚚"}'), ANSWER]
    role = {**MADE, "text": None}
    by_user = fresh(USING, events=[ASKING, event("clerk", CALL), event("user", role), ANSWERING])
    assert only(written(by_user)).messages == only(USING).messages


def test_system_prompt_beside_a_session_comes_first() -> None:
    assert only({**rows.SESSION, "system_instruction": "Be brief."}).messages == [SYSTEM, QUESTION, ANSWER]


def test_agents_are_the_assistant_and_named() -> None:
    moved = {"functionCall": {"id": "a", "name": "transfer_to_agent", "args": {"agent_name": "clerk"}}}
    done = {"functionResponse": {"id": "a", "name": "transfer_to_agent", "response": {"result": None}}}
    call = only(fresh(rows.SESSION, events=[ASKING, event("host", moved), event("host", done), ANSWERING]))
    assert [each["role"] for each in call.messages] == ["user", "assistant", "tool", "assistant"]
    assert call.metadata["agents"] == ["host", "clerk"]


def test_what_was_not_said_is_left_out() -> None:
    asked = {"functionCall": {"id": "x", "name": "adk_request_confirmation", "args": {}}}
    events = [
        ASKING,
        event("clerk", {"text": "On"}, partial=True),
        {"author": "clerk", "actions": {"stateDelta": {"a": 1}}, "content": None},
        event("clerk", asked),
        event("user", {"functionResponse": {"id": "x", "name": "adk_request_confirmation", "response": {}}}),
        ANSWERING,
        event("user", {"text": "Merci, et la suite ?"}),
    ]
    assert only(fresh(rows.SESSION, events=events)).messages == [QUESTION, ANSWER]


def test_rewound_events_are_taken_back() -> None:
    wrong = [event("user", {"text": "Wrong?"}, invocationId="i0"), event("clerk", {"text": "Yes."}, invocationId="i0")]
    back = {"author": "user", "actions": {"rewindBeforeInvocationId": "i0"}, "invocationId": "r"}
    assert only(fresh(rows.SESSION, events=[*wrong, back, ASKING, ANSWERING])).messages == [QUESTION, ANSWER]
    assert only(snake(fresh(rows.SESSION, events=[*wrong, back, ASKING, ANSWERING]))).messages == [QUESTION, ANSWER]


@pytest.mark.parametrize(
    ("others", "ended"),
    [({"finishReason": "MAX_TOKENS"}, "length"), ({"finishReason": "SAFETY"}, "content_filter"),
     ({"interrupted": True}, "error"), ({"errorCode": "UNKNOWN", "errorMessage": "x"}, "error")],
)  # fmt: skip
def test_answer_that_is_not_whole_is_cut_off(others: dict[str, Any], ended: str) -> None:
    for row in (fresh(rows.SESSION, events=[ASKING, {**ANSWERING, **others}]),):
        assert (only(row).finish_reason, only(row).is_cut_off) == (ended, True)
    pieces = [ASKING, ANSWERING, event("user", {"text": "And?"}), event("clerk", {"text": "It"}, partial=True)]
    assert only(fresh(rows.SESSION, events=pieces)).finish_reason == "error"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ANSWERING, "one event of a session; write all events of a session into one row"),
        (fresh(rows.SESSION, events=[ASKING]), "no answer of an agent"),
        (fresh(rows.SESSION, events=[ASKING, None]), "events must be a list of objects"),
        (fresh(rows.SESSION, events=[ASKING, event("clerk", {"text": ""}, partial=True)]), "no answer of an agent"),
        (
            fresh(rows.SESSION, events=[ASKING, {**ANSWERING, "groundingMetadata": {"webSearchQueries": ["x"]}}]),
            "rests on what its host has found",
        ),
        (fresh(rows.SESSION, events=[ASKING, event("clerk", {"inlineData": {"mimeType": "audio/wav", "data": "x"}})]),
         "audio/wav is neither text nor an image"),
        ({**rows.SESSION, "context": "The van is in Bern."}, "context is not part of the conversation"),
    ],
)  # fmt: skip
def test_session_that_cannot_be_read_is_refused(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        only(row)


def test_events_of_other_things_are_no_session() -> None:
    assert formats.format_of({"events": []}) is None
    assert formats.format_of({"events": [{"name": "gen_ai.choice"}], "messages": [QUESTION, ANSWER]}) == "openai"
    assert formats.format_of({"author": "ann", "messages": [QUESTION, ANSWER]}) == "openai"
