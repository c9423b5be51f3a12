"""Why an answer ended: in any vendor's words, and wherever a response, a message or a row states it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from fine_tuning.data_io.choices import lowest
from fine_tuning.data_io.json_values import Row, is_list, is_object, object_or_empty, parse_embedded_json

CUT_OFF = frozenset({"length", "content_filter", "error"})
"""Finish reasons of answers that are not whole."""
BROKEN_OFF = "error"
"""The finish reason of an answer whose stream has no end."""
_WORDS = {
    "stop": ("end_turn", "stop_sequence", "completed", "complete", "eos", "eos_token", "finish", "finished"),
    "length": (
        *("max_tokens", "max_output_tokens", "max_length", "model_length", "incomplete", "token_limit", "limit"),
        *("model_context_window_exceeded", "time_limit", "error_limit", "length_limit"),
        *("max_new_tokens", "max_tokens_reached"),
    ),
    "tool_calls": ("tool_use", "function_call", "tool-calls", "tool_call"),
    "content_filter": (
        *("content-filter", "content_filtered", "safety", "recitation", "refusal", "guardrail_intervened", "blocklist"),
        *("prohibited_content", "spii", "image_safety", "error_toxic", "sensitive", "language"),
    ),
    "error": (
        *("abort", "aborted", "cancelled", "canceled", "network_error", "insufficient_system_resource", "timeout"),
        *("timed_out", "malformed_function_call", "unexpected_tool_call", "interrupted"),
    ),
}
_OURS = {name: ours for ours, names in _WORDS.items() for name in names}
# Gemini's first numbers; the later ones differ between its APIs.
_NUMBERS = {1: "stop", 2: "length", 3: "content_filter", 4: "content_filter"}
REASON_KEYS = (
    *("finish_reason", "stop_reason", "done_reason", "completion_reason", "finish_reasons"),
    *("finishReason", "stopReason", "doneReason", "completionReason"),
    *("gen_ai.response.finish_reasons", "ai.response.finishReason", "ai.finishReason", "ai.result.finishReason"),
    *("llm.finish_reason", "llm.response.finish_reason", "llm.response.stop_reason"),
)
_ABOUT_MESSAGES = ("response_metadata", "generation_info", "additional_kwargs", "metadata", "kwargs", "data")
_FIRST_OF = ("choices", "candidates", "generations", "results")
_OF_RESPONSES = ("message", "output", "response", "llm_output", "attributes", *_FIRST_OF)
_STATED_ELSEWHERE = frozenset({"incomplete_details", "finish_details"})
_REASONS = frozenset(REASON_KEYS)
_CUT = """truncated is_truncated was_truncated isTruncated wasTruncated response_truncated answer_truncated
    output_truncated completion_truncated incomplete is_incomplete isIncomplete cut_off is_cut_off isCutOff""".split()
_WHOLE = "complete is_complete isComplete finished is_finished isFinished".split()
_FLAGS = {**dict.fromkeys(_CUT, True), **dict.fromkeys(_WHOLE, False)}  # and the value by which an answer is cut off
_INNER = frozenset({*_ABOUT_MESSAGES, *_OF_RESPONSES})
MAY_STATE_REASONS = _REASONS | _STATED_ELSEWHERE | _FLAGS.keys()
"""Fields of a row, or of its metadata, that can say why its answer ended."""
_OF_MESSAGES = frozenset({*REASON_KEYS, *_FLAGS, *_ABOUT_MESSAGES, *_STATED_ELSEWHERE, "status", "done", "parts"})
_NOT_OF_MODELS = {"user", "human", "system", "developer", "tool", "function"}
_IN_TEXT = ("eason", '"status"', '"done"', 'streaming"', '"partial-call"')
_STREAMING = ("streaming", "input-streaming", "partial-call")
_DEPTH = 6


def finish_reason(value: object) -> str | None:
    """A finish reason in any vendor's words as OpenAI's; another one as it is; None for none."""
    value = parse_embedded_json(value)
    if is_list(value):
        value = value[0] if value else None
    if isinstance(value, int) and not isinstance(value, bool):
        return _NUMBERS.get(value)
    if not isinstance(value, str) or not value:
        return None
    plain = value.lower().removeprefix("finishreason.").removeprefix("finish_reason_")
    return _OURS.get(plain, plain)


def strictest(reasons: Iterable[str | None]) -> str | None:
    """The first of several reasons by which the answer is not whole, else the first; None without any."""
    found = [each for each in reasons if each is not None]
    return next((each for each in found if each in CUT_OFF), found[0]) if found else None


def reason_in(response: object, *, depth: int = _DEPTH) -> str | None:
    """Why the first answer of a response ended, wherever vendors, LangChain and wrappers around them write it."""
    if is_list(response):
        return reason_in(lowest(response), depth=depth - 1) if response and depth else None
    if not is_object(response):
        return None
    found = strictest(_own(response))
    if found in CUT_OFF or not depth:
        return found
    for key, value in response.items():
        if key in _INNER and found not in CUT_OFF:
            inner = reason_in(parse_embedded_json(value), depth=depth - 1)
            found = inner if found is None or inner in CUT_OFF else found
    return found


def reason_of_row(row: Row, conversation_keys: Collection[str]) -> str | None:
    """Why the answers of a row ended: as the row, its metadata or the messages in it state it.

    Args:
        conversation_keys: fields that hold messages; of a pair, the worse answer counts for nothing.
    """
    stated = [each for given in (row, object_or_empty(row.get("metadata"))) for each in _stated(given)]
    of_messages = (
        _reason_of_messages(row[key])
        for key in conversation_keys
        if key in row and "reject" not in key and not key.startswith("non_")
    )
    return strictest([*stated, *of_messages])


def _reason_of_messages(given: object) -> str | None:
    """The first reason by which an answer of a conversation is not whole."""
    if isinstance(given, str):
        given = parse_embedded_json(given) if any(mark in given for mark in _IN_TEXT) else None
    for each in given if is_list(given) else [given]:
        if is_object(each) and not _OF_MESSAGES.isdisjoint(each) and str(each.get("role")) not in _NOT_OF_MODELS:
            about = (each.get(key) for key in _ABOUT_MESSAGES)
            reason = strictest([*_own(each), *_broken_off(each), *(reason_in(inner, depth=2) for inner in about)])
            if reason in CUT_OFF:
                return reason
    return None


def _broken_off(message: Row) -> Iterator[str | None]:
    """The reason of an answer that was stored while it came, as Open WebUI and Vercel's AI SDK mark it."""
    parts = parse_embedded_json(message.get("parts"))
    found = parts if is_list(parts) else []
    states = [_state(part) for part in found if is_object(part)]
    is_streaming = any(state in _STREAMING for state in states)
    if message.get("done") is False or is_streaming:
        yield "error"


def _state(part: Row) -> object:
    """The state of a part; that of a call of version 4 is inside it."""
    invocation = part.get("toolInvocation")
    return invocation.get("state") if is_object(invocation) else part.get("state")


def _own(given: Row) -> Iterator[str | None]:
    """The reasons that a response or a message states itself."""
    yield from _stated(given)
    if given.get("status") == "incomplete":  # of OpenAI's Responses, and of their items
        yield "length"


def _stated(given: Row) -> Iterator[str | None]:
    for key in () if MAY_STATE_REASONS.isdisjoint(given) else given:
        if key in _REASONS:
            yield finish_reason(given[key])
        elif key in _STATED_ELSEWHERE and is_object(details := given[key]):
            yield finish_reason(details.get("reason") or details.get("type"))
        elif key in _FLAGS and str(given[key]).lower() == str(_FLAGS[key]).lower():
            yield "length"
