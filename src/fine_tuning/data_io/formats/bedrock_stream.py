"""A response of Bedrock's ConverseStream, or of models that stream as it does, logged as its events.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from collections.abc import Sequence

from fine_tuning.data_io.finish_reasons import BROKEN_OFF
from fine_tuning.data_io.json_values import JsonObject, is_object, object_or_empty, parse_embedded_json

_EVENTS = {"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop"}
_ERROR = "Exception"


def joined(events: Sequence[JsonObject]) -> JsonObject:
    """The response of Converse that the events make; an empty object if they are of another stream."""
    if not any(event.keys() & _EVENTS for event in events):
        return {}
    blocks: dict[str, JsonObject] = {}
    response: JsonObject = {"stopReason": BROKEN_OFF}
    for event in events:
        start, delta = (object_or_empty(event.get(f"contentBlock{each}")) for each in ("Start", "Delta"))
        if is_object(begun := start.get("start")):
            blocks[str(start.get("contentBlockIndex"))] = {key: _begun(value) for key, value in begun.items()}
        if is_object(piece := delta.get("delta")):
            _extend(blocks.setdefault(str(delta.get("contentBlockIndex")), {}), piece)
        response |= object_or_empty(event.get("messageStop"))
        response |= object_or_empty(event.get("metadata"))
    if not blocks and any(key.endswith(_ERROR) for event in events for key in event):
        return {"type": "error"}
    content = [_finished(block) for block in blocks.values()]
    return {**response, "output": {"message": {"role": "assistant", "content": content}}}


def _begun(value: object) -> object:
    return {**value} if is_object(value) else value


def _extend(block: JsonObject, piece: JsonObject) -> None:
    """Add a piece of a text, of the thoughts of a model, or of the arguments of a call."""
    for key, value in piece.items():
        before = block.get(key)
        if isinstance(value, str):
            block[key] = f"{before or ''}{value}"
        elif is_object(value):
            inner = {**before} if is_object(before) else {}
            _extend(inner, value)
            block[key] = inner


def _finished(block: JsonObject) -> JsonObject:
    call = block.get("toolUse")
    if not is_object(call):
        return block
    given = call.get("input")
    return {**block, "toolUse": {**call, "input": parse_embedded_json(given) if given else {}}}
