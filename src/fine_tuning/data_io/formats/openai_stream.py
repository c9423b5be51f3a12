"""Answers of OpenAI's two APIs that were logged as the events of their streams.

Sources: https://platform.openai.com/docs/api-reference/chat-streaming,
https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Sequence

from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty

_CHUNK = "chat.completion.chunk"
_ENDS = {"response.completed", "response.incomplete", "response.failed"}
_BROKEN_OFF = "error"
_ABOUT_RESPONSE = ("id", "model", "created", "service_tier", "usage")
_TEXT_DELTAS = {"response.output_text.delta": "text", "response.refusal.delta": "refusal"}
_PART_TYPES = {"text": "output_text", "refusal": "refusal"}


def joined_chunks(events: Sequence[JsonObject]) -> JsonObject:
    """The chat completion that chunks make, with its first choice; an empty object if they are of another stream."""
    if not any(_is_chunk(event) for event in events):
        return {}
    completion: JsonObject = {"object": "chat.completion"}
    message: JsonObject = {"role": "assistant", "content": None}
    reason: object = None
    for event in events:
        completion |= {key: event[key] for key in _ABOUT_RESPONSE if event.get(key) is not None}
        choices = event.get("choices")
        for choice in choices if is_list(choices) else []:
            if is_object(choice) and choice.get("index") in (0, None):
                _extend_message(message, object_or_empty(choice.get("delta")))
                reason = choice.get("finish_reason") or reason
    if message["content"] is None and message.keys() == {"role", "content"} and (error := _error_in(events)):
        return {"error": error}
    return {**completion, "choices": [{"index": 0, "message": message, "finish_reason": reason or _BROKEN_OFF}]}


def _is_chunk(event: Row) -> bool:
    if event.get("object") == _CHUNK:
        return True
    choices = event.get("choices")
    return is_list(choices) and any(is_object(choice) and is_object(choice.get("delta")) for choice in choices)


def _error_in(events: Sequence[JsonObject]) -> object:
    return next((event["error"] for event in events if event.get("error")), None)


def _extend_message(message: JsonObject, delta: Row) -> None:
    for key in ("content", "refusal"):
        if isinstance(piece := delta.get(key), str):
            message[key] = f"{message.get(key) or ''}{piece}"
    if is_object(called := delta.get("function_call")):
        function = message.setdefault("function_call", {"name": "", "arguments": ""})
        _extend_function(function, called)
    calls = delta.get("tool_calls")
    for piece in calls if is_list(calls) else []:
        if is_object(piece):
            _extend_calls(message, piece)


def _extend_calls(message: JsonObject, piece: JsonObject) -> None:
    """Add a piece to the call with its index; without one, to that with its id, or the last one."""
    calls = message.setdefault("tool_calls", [])
    if not is_list(calls):
        return
    index, own = piece.get("index"), piece.get("id")
    known = [each for each in calls if is_object(each)]
    found = [each for each in known if each.get("index") == index] if index is not None else _with_id(known, own)
    if not found:
        found = [{"index": index, "id": own, "type": "function", "function": {"name": "", "arguments": ""}}]
        calls.extend(found)
    found[0]["id"] = found[0].get("id") or own
    _extend_function(found[0]["function"], object_or_empty(piece.get("function")))


def _with_id(calls: list[JsonObject], own: object) -> list[JsonObject]:
    return calls[-1:] if own is None else [each for each in calls if each.get("id") == own]


def _extend_function(function: object, piece: Row) -> None:
    if not is_object(function):
        return
    name = piece.get("name")
    if isinstance(name, str) and name != function["name"]:  # some hosts repeat it
        function["name"] = f"{function['name']}{name}"
    if isinstance(arguments := piece.get("arguments"), str):
        function["arguments"] = f"{function['arguments']}{arguments}"


def joined_response(events: Sequence[JsonObject]) -> JsonObject:
    """The response that the events of the Responses API make; an empty object if they are of another stream."""
    if not any(str(event.get("type")).startswith("response.") for event in events):
        return {}
    items: dict[str, JsonObject] = {}
    response: JsonObject = {}
    is_ended = False
    for event in events:
        if is_object(found := event.get("response")):
            response, is_ended = found, event.get("type") in _ENDS
        elif "output_index" in event:
            _extend_item(items, event)
    output = response.get("output") or list(items.values())
    if is_ended:
        return {**response, "object": "response", "output": output}
    if not output and any(event.get("type") == "error" for event in events):
        return {"type": "error"}
    details = {"reason": _BROKEN_OFF}
    return {**response, "object": "response", "status": "incomplete", "incomplete_details": details, "output": output}


def _extend_item(items: dict[str, JsonObject], event: JsonObject) -> None:
    kind, place = str(event.get("type")), str(event["output_index"])
    if is_object(item := event.get("item")):
        items[place] = dict(item)
        return
    item = items.setdefault(place, {"type": "message", "role": "assistant", "content": []})
    piece = event.get("delta")
    if not isinstance(piece, str):
        return
    if kind == "response.function_call_arguments.delta":
        item["arguments"] = f"{item.get('arguments') or ''}{piece}"
    elif (key := _TEXT_DELTAS.get(kind)) is not None:
        item["content"] = _extended(item.get("content"), str(event.get("content_index") or 0), key, piece)


def _extended(parts: object, place: str, key: str, piece: str) -> list[object]:
    """The parts of a message, with a piece more of the text or refusal at a place."""
    found = list(parts) if is_list(parts) else []
    at = min(int(place) if place.isdecimal() else len(found), len(found))
    part = object_or_empty(found[at]) if at < len(found) else {}
    found[at : at + 1] = [{"type": _PART_TYPES[key], **part, key: f"{part.get(key) or ''}{piece}"}]
    return found
