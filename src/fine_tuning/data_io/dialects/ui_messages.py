"""Messages of Vercel's AI SDK: their parts, also where older versions keep calls and files beside the text.

Source: https://ai-sdk.dev/docs/reference/ai-sdk-core/ui-message, and convertToModelMessages, which divides a message of
several steps as this does.
"""

from __future__ import annotations

from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json

_BESIDE = ("toolInvocations", "experimental_attachments")
_DIVIDED = frozenset((*_BESIDE, "parts"))
_SOURCES = ("source", "source-url", "source-document")
_STEP = "step-start"
_ENDED = {"output-available", "output-error", "result"}  # also with a result that is nothing
_DENIED = "Tool execution denied."


def turns_of(given: JsonObject) -> list[JsonObject]:
    """The messages that one message is: several if it holds several steps, each of which ends with results of tools."""
    if _DIVIDED.isdisjoint(given):
        return [given]
    given = _in_parts(given)
    parts = parse_embedded_json(given.get("parts"))
    if not is_list(parts) or str(given.get("role")).lower() != "assistant":
        return [given]
    turns: list[list[object]] = [[]]
    is_answered, last_step = False, None
    for part in parts:
        if is_object(part) and _is_unfinished(part):
            continue
        kind = part.get("type") if is_object(part) else None
        step = _step_of(part)
        is_later = step is not None and last_step is not None and step != last_step
        last_step = last_step if step is None else step
        if kind == _STEP or (is_answered and (kind == "text" or is_later)):
            turns, is_answered = [*turns, []], False
        if kind != _STEP:
            turns[-1].append(part)
            is_answered = is_answered or (is_object(part) and is_invocation(part))
    others = {key: value for key, value in given.items() if key != "parts"}
    filled = [turn for turn in turns if not all(map(_says_nothing, turn))]
    return [{**others, "parts": turn} for turn in filled] or [{**others, "parts": turns[-1]}]


def _in_parts(given: JsonObject) -> JsonObject:
    """The message with everything in its parts, which say more than the text beside them."""
    parts = parse_embedded_json(given.get("parts"))
    beside = {key: found for key in _BESIDE if is_list(found := parse_embedded_json(given.get(key))) and found}
    if not beside and not ("content" in given and is_list(parts) and parts and all(map(_is_typed, parts))):
        return given
    others = {key: value for key, value in given.items() if key not in {"content", "parts", *_BESIDE}}
    found = list(parts) if is_list(parts) else []
    if not found:
        calls = [{"type": "tool-invocation", "toolInvocation": each} for each in beside.get("toolInvocations", [])]
        text = given.get("content")
        found = [*calls, *([{"type": "text", "text": text}] if text or not calls else [])]
    files = beside.get("experimental_attachments", [])
    found += [{"type": "file", **each} if is_object(each) else each for each in files]
    return {**others, "parts": found}


def _is_typed(part: object) -> bool:
    return is_object(part) and isinstance(part.get("type"), str)


def _step_of(part: object) -> object:
    """The step that a call of version 4 belongs to; None where the parts say it, or nothing does."""
    invocation = part.get("toolInvocation") if is_object(part) else None
    return invocation.get("step") if is_object(invocation) else None


def _is_unfinished(part: Row) -> bool:
    """Whether a part is a call whose arguments are not whole: it was never made."""
    invocation = part.get("toolInvocation")
    state = (invocation if is_object(invocation) else part).get("state")
    return is_invocation(part) and str(state) in {"input-streaming", "partial-call"}


def _says_nothing(part: object) -> bool:
    kind = str(part.get("type")) if is_object(part) else ""
    return kind == "reasoning" or is_of_the_page(kind)


def is_invocation(part: Row) -> bool:
    """Whether a part is a call of a tool beside its result."""
    kind = str(part.get("type"))
    if kind in {"tool-call", "tool-result"}:  # of model messages
        return False
    return kind in {"tool-invocation", "dynamic-tool"} or (kind.startswith("tool-") and "toolCallId" in part)


def is_of_the_page(kind: str) -> bool:
    """Whether a part is for the page alone, and never sent to a model."""
    return kind.startswith("data-")


def is_run_by_host(part: Row) -> bool:
    """Whether a part is a source that an answer rests on, or a call that the model's host has run.

    A call of a server's tool (MCP), whose name is not known before, has its whole result beside it.
    """
    if part.get("type") in _SOURCES:
        return True
    return part.get("providerExecuted") is True and part.get("type") != "dynamic-tool" and not part.get("dynamic")


def has_failed(part: Row) -> bool:
    """Whether a part's call ended without a result of its tool: it failed, or was denied."""
    return str(part.get("state")) in {"output-error", "output-denied"}


def result_in(part: Row) -> object:
    """The result of a part's call; None while there is none."""
    if part.get("state") == "output-denied":
        approval = part.get("approval")
        return (approval.get("reason") if is_object(approval) else None) or _DENIED
    found = (part[key] for key in ("output", "result", "errorText") if part.get(key) is not None)
    if str(part.get("state")) in _ENDED:
        return next(found, "" if part["state"] == "output-error" else "null")
    return next(found, None)
