"""A message of Anthropic's API that was logged as the events of its stream, as Bedrock logs it.

Source: https://docs.anthropic.com/en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from fine_tuning.data_io.finish_reasons import BROKEN_OFF
from fine_tuning.data_io.json_values import JsonObject, is_object, object_or_empty, parse_embedded_json

_DELTAS = {"text_delta": "text", "input_json_delta": "partial_json"}


def joined(events: Sequence[object]) -> JsonObject:
    """The message that the events make; an empty object if they are not of such a stream."""
    message: JsonObject = {}
    blocks: dict[object, JsonObject] = {}
    for event in events:
        if not is_object(event):
            return {}
        kind, index = event.get("type"), str(event.get("index"))
        if kind == "message_start":
            message = dict(object_or_empty(event.get("message")))
        elif kind == "content_block_start":
            blocks[index] = dict(object_or_empty(event.get("content_block")))
        elif kind == "content_block_delta":
            _extend(blocks.setdefault(index, {"type": "text"}), object_or_empty(event.get("delta")))
        elif kind == "message_delta":
            message |= object_or_empty(event.get("delta"))
            usage = {**object_or_empty(message.get("usage")), **object_or_empty(event.get("usage"))}
            message["usage"] = usage
    if not message:
        return {}
    ended = message.get("stop_reason") or BROKEN_OFF
    return {**message, "stop_reason": ended, "content": [_finished(block) for block in blocks.values()]}


def _extend(block: JsonObject, delta: object) -> None:
    given = cast("JsonObject", delta)
    if cited := given.get("citation"):
        block["citations"] = [*cast("list[object]", block.get("citations") or []), cited]
    key = _DELTAS.get(str(given.get("type")))
    if key is not None:
        block[key] = f"{block.get(key) or ''}{given.get(key) or ''}"


def _finished(block: JsonObject) -> JsonObject:
    text = block.pop("partial_json", None)
    return block if text is None else {**block, "input": parse_embedded_json(text)}
