"""Answers of OpenAI's two APIs that were logged as the events of their streams.

Sources: https://platform.openai.com/docs/api-reference/chat-streaming,
https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fine_tuning.data_io.choices import note_others
from fine_tuning.data_io.dialects.found_by_host import FOUND_KEYS, KEYS_OF_MESSAGES
from fine_tuning.data_io.finish_reasons import BROKEN_OFF
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, is_one_of, object_or_empty
from fine_tuning.data_io.messages import content_text

_CHUNK = "chat.completion.chunk"
_ENDS = {"response.completed", "response.incomplete", "response.failed"}
_ABOUT_RESPONSE = ("id", "model", "created", "service_tier", "usage", *FOUND_KEYS)
_TEXT_DELTAS = {"response.output_text.delta": "text", "response.refusal.delta": "refusal"}
_PART_TYPES = {"text": "output_text", "refusal": "refusal"}


@dataclass
class _Call:
    """A call of a function, as far as its pieces have come."""

    index: object = None
    own_id: object = None
    name: str = ""
    arguments: str = ""

    def add(self, piece: Row) -> None:
        """Add a piece of its name or its arguments."""
        name, arguments = piece.get("name"), piece.get("arguments")
        if isinstance(name, str) and name != self.name:  # some hosts repeat it
            self.name += name
        if isinstance(arguments, str):
            self.arguments += arguments

    def function(self) -> JsonObject:
        """As a message has it."""
        return {"name": self.name, "arguments": self.arguments}


@dataclass
class _Message:
    """A message of the assistant, as far as its pieces have come."""

    texts: dict[str, str] = field(default_factory=dict)
    function: _Call | None = None
    calls: list[_Call] = field(default_factory=list)
    facts: JsonObject = field(default_factory=dict)

    def add(self, delta: Row) -> None:
        """Add a piece of its content, its refusal or its calls."""
        for key in ("content", "refusal"):
            if isinstance(piece := delta.get(key), str | list):  # parts, as Mistral's models that reason send them
                self.texts[key] = self.texts.get(key, "") + content_text(piece)
        for key in KEYS_OF_MESSAGES:
            if value := delta.get(key):
                before = self.facts.get(key)
                self.facts[key] = {**before, **value} if is_object(before) and is_object(value) else value
        if is_object(called := delta.get("function_call")):
            self.function = self.function or _Call()
            self.function.add(called)
        calls = delta.get("tool_calls")
        for each in calls if is_list(calls) else []:
            if is_object(each):
                self._call_of(each).add(object_or_empty(each.get("function")))

    def _call_of(self, piece: Row) -> _Call:
        """The call with the index of a piece; without one, that with its id, or the last one."""
        index, own = piece.get("index"), piece.get("id")
        if index is not None:
            found = [call for call in self.calls if call.index == index]
        else:
            found = self.calls[-1:] if own is None else [call for call in self.calls if call.own_id == own]
        if not found:
            found = [_Call(index)]
            self.calls += found
        found[0].own_id = found[0].own_id or own
        return found[0]

    def is_empty(self) -> bool:
        """Whether nothing has come."""
        return not (any(self.texts.values()) or self.function or self.calls)

    def message(self) -> JsonObject:
        """As a chat completion has it."""
        found: JsonObject = {"role": "assistant", "content": None, **self.texts, **self.facts}
        if self.function is not None:
            found |= {"function_call": self.function.function()}
        if self.calls:
            calls = [{"id": call.own_id, "type": "function", "function": call.function()} for call in self.calls]
            found |= {"tool_calls": calls}
        return found


def joined_chunks(events: Sequence[JsonObject]) -> JsonObject:
    """The chat completion that chunks make, with its first choice; an empty object if they are of another stream."""
    if not any(_is_chunk(event) for event in events):
        return {}
    completion: JsonObject = {"object": "chat.completion"}
    message, reason = _Message(), None
    for event in events:
        completion |= {key: event[key] for key in _ABOUT_RESPONSE if event.get(key) is not None}
        choices = event.get("choices")
        for choice in choices if is_list(choices) else []:
            if is_object(choice) and choice.get("index") in (0, None):
                message.add(object_or_empty(choice.get("delta")))
                reason = choice.get("finish_reason") or reason
            else:
                note_others()
    error = next((found for event in events if (found := event.get("error"))), None)
    if error and message.is_empty():
        return {"error": error}
    choice = {"index": 0, "message": message.message(), "finish_reason": reason or BROKEN_OFF}
    return {**completion, "choices": [choice]}


def _is_chunk(event: Row) -> bool:
    if event.get("object") == _CHUNK:
        return True
    choices = event.get("choices")
    return is_list(choices) and any(is_object(choice) and is_object(choice.get("delta")) for choice in choices)


def joined_response(events: Sequence[JsonObject]) -> JsonObject:
    """The response that the events of the Responses API make; an empty object if they are of another stream."""
    if not any(str(event.get("type")).startswith("response.") for event in events):
        return {}
    items: dict[str, JsonObject] = {}
    response: JsonObject = {}
    is_ended = False
    for event in events:
        if is_object(found := event.get("response")):
            response, is_ended = found, is_one_of(event.get("type"), _ENDS)
        elif "output_index" in event:
            _extend_item(items, event)
    output = response.get("output") or list(items.values())
    if is_ended:
        return {**response, "object": "response", "output": output}
    if not output and any(event.get("type") == "error" for event in events):
        return {"type": "error"}
    details = {"reason": BROKEN_OFF}
    return {**response, "object": "response", "status": "incomplete", "incomplete_details": details, "output": output}


def _extend_item(items: dict[str, JsonObject], event: JsonObject) -> None:
    kind, place = str(event.get("type")), str(event.get("output_index"))
    if is_object(item := event.get("item")):
        items[place] = dict(item)
        return
    item = items.setdefault(place, {"type": "message", "role": "assistant", "content": []})
    piece = event.get("delta")
    if not isinstance(piece, str):
        return
    if kind == "response.function_call_arguments.delta":
        item |= {"arguments": f"{item.get('arguments') or ''}{piece}"}
    elif (key := _TEXT_DELTAS.get(kind)) is not None:
        item |= {"content": _extended(item.get("content"), str(event.get("content_index") or 0), key, piece)}


def _extended(parts: object, place: str, key: str, piece: str) -> list[object]:
    """The parts of a message, with a piece more of the text or refusal at a place."""
    found = list(parts) if is_list(parts) else []
    at = min(int(place) if place.isdecimal() else len(found), len(found))
    part = object_or_empty(found[at]) if at < len(found) else {}
    found[at : at + 1] = [{"type": _PART_TYPES[key], **part, key: f"{part.get(key) or ''}{piece}"}]
    return found
