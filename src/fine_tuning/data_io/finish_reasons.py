"""Why an answer ended: in any vendor's words, and wherever a response, a message or a row states it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from fine_tuning.data_io.choices import lowest
from fine_tuning.data_io.failed_calls import may_state_failure, signs
from fine_tuning.data_io.json_values import Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.key_meanings import plain
from fine_tuning.data_io.row_facts import facts_of, held_facts, is_holder, name_of

CUT_OFF = frozenset({"length", "content_filter", "error"})
"""Finish reasons of answers that are not whole."""
BROKEN_OFF = "error"
"""The finish reason of an answer whose stream has no end."""
_WORDS = {
    "stop": (
        *("end_turn", "stop_sequence", "completed", "complete", "eos", "eos_token", "finish", "finished", "end"),
        *("stop_word", "stop_token", "end_of_turn", "end_of_text", "natural", "normal", "done"),
    ),
    "length": (
        *("max_tokens", "max_output_tokens", "max_length", "model_length", "incomplete", "token_limit", "limit"),
        *("model_context_window_exceeded", "time_limit", "error_limit", "length_limit", "max_new_tokens"),
        *("max_tokens_reached", "max_tokens_exceeded", "max_token", "max_length_reached", "max_completion_tokens"),
        *("token_limit_reached", "token_limit_exceeded", "context_length", "context_length_exceeded", "context_window"),
        *("context_window_exceeded", "length_capped", "output_limit", "truncated", "truncation", "cut_off", "partial"),
        *("limit_reached", "max_time", "pause_turn"),
    ),
    "tool_calls": ("tool_use", "function_call", "tool_call"),
    "content_filter": (
        *("content_filtered", "safety", "recitation", "refusal", "guardrail_intervened", "blocklist", "filtered"),
        *(
            "prohibited_content",
            "spii",
            "image_safety",
            "error_toxic",
            "sensitive",
            "language",
            "blocked",
            "moderation",
        ),
        *("guardrail", "content_policy", "policy_violation"),
    ),
    "error": (
        *("abort", "aborted", "cancelled", "canceled", "network_error", "insufficient_system_resource", "timeout"),
        *("timed_out", "malformed_function_call", "unexpected_tool_call", "interrupted", "failed", "failure"),
        *("server_error", "connection_error", "disconnected", "user_abort", "user_cancelled", "exception"),
    ),
}
_OURS = {plain(name): ours for ours, names in _WORDS.items() for name in (ours, *names)}
# Gemini's first numbers; the later ones differ between its APIs.
_NUMBERS = {1: "stop", 2: "length", 3: "content_filter", 4: "content_filter"}
_REASONS = frozenset(
    """finishreason finishreasons stopreason stopreasons donereason completionreason endreason terminationreason
    stoppingreason stoptype finishtype nativefinishreason incompletereason truncationreason genairesponsefinishreasons
    airesponsefinishreason aifinishreason airesultfinishreason llmfinishreason llmresponsefinishreason
    llmresponsestopreason incompletedetailsreason finishdetailstype""".split()
)
_MAYBE_REASONS = frozenset("finish stopcause".split())  # where their value is a reason
_ABOUT_MESSAGES = ("response_metadata", "generation_info", "additional_kwargs", "metadata", "kwargs", "data")
_FIRST_OF = ("choices", "candidates", "generations", "results")
_OF_RESPONSES = ("message", "output", "response", "llm_output", "attributes", *_FIRST_OF)
_STATED_ELSEWHERE = frozenset({"incompletedetails", "finishdetails"})
_CUT = """truncated istruncated wastruncated responsetruncated answertruncated outputtruncated completiontruncated
    incomplete isincomplete cutoff iscutoff wascutoff stoppedlimit hitlimit hitmaxtokens maxtokensreached limitreached
    tokenlimitreached ispartial""".split()
_WHOLE = "complete iscomplete finished isfinished completed iscompleted isfinal".split()
_FLAGS = {
    **dict.fromkeys(_CUT, "true"),
    **dict.fromkeys(_WHOLE, "false"),
}  # and the value by which an answer is cut off
_BROKEN = frozenset("interrupted isinterrupted wasinterrupted streaminterrupted".split())
_INNER = frozenset({*_ABOUT_MESSAGES, *_OF_RESPONSES})
_NAMES = _REASONS | _MAYBE_REASONS | _STATED_ELSEWHERE | _FLAGS.keys() | _BROKEN
_OF_MESSAGES = frozenset({*_ABOUT_MESSAGES, "done", "parts"})
_PLAIN_MESSAGE = frozenset({"role", "content", "from", "value", "name", "tool_calls"})
_NOT_OF_MODELS = {"user", "human", "system", "developer", "tool", "function"}
_IN_TEXT = (
    *("eason", '"status"', '"done"', 'streaming"', '"partial-call"', "runcated", '"interrupted"', '"error"'),
    *("omplete", "cut_off", "cutOff"),
)
_STREAMING = ("streaming", "input-streaming", "partial-call")
_TRUTHS = {**dict.fromkeys(("true", "1", "yes"), "true"), **dict.fromkeys(("false", "0", "no"), "false")}
_DEPTH = 6


@lru_cache(maxsize=8192)
def may_state_reason(key: str) -> bool:
    """Whether a field can say why its answer ended."""
    return name_of(key) in _NAMES


def is_reason(key: str, value: object) -> bool:
    """Whether a field holds the reason for which an answer ended, and nothing else."""
    return name_of(key) in _REASONS and finish_reason(value) in {*_WORDS, None}


def finish_reason(value: object) -> str | None:
    """A finish reason in any vendor's words as OpenAI's; another one as it is; None for none."""
    value = parse_embedded_json(value)
    if is_list(value):
        value = value[0] if value else None
    if isinstance(value, str) and value.strip().removesuffix(".0").isdecimal():  # as CSV has a number
        value = int(value.strip().removesuffix(".0"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _NUMBERS.get(int(value)) if value == value // 1 else None
    if not isinstance(value, str) or not value:
        return None
    return _OURS.get(plain(value).removeprefix("finishreason"), value.lower())


def strictest(reasons: Iterable[str | None]) -> str | None:
    """The first of several reasons by which the answer is not whole, else the first; None without any."""
    found = [each for each in reasons if each is not None]
    return next((each for each in found if each in CUT_OFF), found[0]) if found else None


def reason_in(response: object, *, depth: int = _DEPTH) -> str | None:
    """Why the first answer of a response ended, wherever vendors, LangChain and wrappers around them write it."""
    if is_list(response):
        return reason_in(lowest(response), depth=depth - 1) if response and depth else None
    if not is_object(response) or response.keys() <= _PLAIN_MESSAGE:
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
    """Why the answers of a row ended: as the row, what it holds of the call, or the messages in it state it.

    Args:
        conversation_keys: fields that hold messages; of a pair, the worse answer counts for nothing.
    """
    stated = [each for fact in facts_of(row, may_state_reason) for each in _reasons(fact.name, fact.value)]
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
        if is_object(each) and _may_state(each) and str(each.get("role")) not in _NOT_OF_MODELS:
            inner = (reason_in(each.get(key), depth=2) for key in _ABOUT_MESSAGES)
            reason = strictest([*_own(each), *_held(each), *_broken_off(each), *inner])
            if reason in CUT_OFF:
                return reason
    return None


def _may_state(message: Row) -> bool:
    if message.keys() <= _PLAIN_MESSAGE:
        return False
    if not _OF_MESSAGES.isdisjoint(message):
        return True
    return any(is_holder(key) or may_state_reason(key) or may_state_failure(key) for key in message)


def _held(message: Row) -> Iterator[str | None]:
    for fact in held_facts(message, may_state_reason):
        yield from _reasons(fact.name, fact.value)


def _broken_off(message: Row) -> Iterator[str | None]:
    """The reason of an answer that was stored while it came, as Open WebUI and Vercel's AI SDK mark it."""
    parts = parse_embedded_json(message.get("parts"))
    found = parts if is_list(parts) else []
    states = [_state(part) for part in found if is_object(part)]
    is_streaming = any(state in _STREAMING for state in states)
    is_failed = any(sign.of_subject is None for sign in signs(facts_of(message, may_state_failure)))
    if message.get("done") is False or is_streaming or is_failed:
        yield BROKEN_OFF


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
    for key, value in given.items():
        if may_state_reason(key):
            yield from _reasons(name_of(key), value)


def _reasons(name: str, value: object) -> Iterator[str | None]:
    """The reason that a field of this name states; a flag is one that is set."""
    if name in _REASONS:
        yield finish_reason(value)
    elif name in _MAYBE_REASONS:
        yield reason if (reason := finish_reason(value)) in _WORDS else None
    elif name in _STATED_ELSEWHERE:
        details = parse_embedded_json(value)
        yield (
            finish_reason(details.get("reason") or details.get("type")) if is_object(details) else finish_reason(value)
        )
    elif isinstance(value, bool | int | float | str):
        flag = _TRUTHS.get(str(value).strip().lower().removesuffix(".0"))
        if flag is not None and flag == _FLAGS.get(name):
            yield "length"
        elif flag == "true" and name in _BROKEN:
            yield BROKEN_OFF
