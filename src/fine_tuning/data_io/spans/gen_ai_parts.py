"""Content of messages in OpenTelemetry's words.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (the JSON schemas of its messages)
"""

from __future__ import annotations

from fine_tuning.data_io.broken_json import refuse_broken_json
from fine_tuning.data_io.dialects.marked_calls import has_mark
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json

_OF_PARTS, _OF_TEXT = {"role", "parts"}, {"type", "content"}
_SPEAKERS = ("system", "user", "assistant")


def readable(messages: object) -> object:
    """Messages whose images are as the dialects have them, and whose content is not JSON text."""
    return [_message(each) if is_object(each) else each for each in messages] if is_list(messages) else messages


def _message(given: JsonObject) -> JsonObject:
    if (text := _only_text(given)) is not None:
        return {"role": given["role"], "content": text}
    for key in ("content", "parts"):
        value = given.get(key)
        parts = parse_embedded_json(value)
        if given.get("role") == "tool" and isinstance(value, str) and "toolResult" not in value:
            continue  # a result that is JSON is the tool's own
        refuse_broken_json(value, key)
        if is_list(parts) and parts and all(is_object(each) and _is_part(each) for each in parts):
            given = {**given, key: [_part(each) if is_object(each) else each for each in parts]}
    return given


def _only_text(given: Row) -> str | None:
    """The text of a message that is one plain text, as most are; None of another one."""
    parts = given.get("parts")
    if given.keys() != _OF_PARTS or not is_list(parts) or len(parts) != 1 or given["role"] not in _SPEAKERS:
        return None
    only = parts[0]
    if not is_object(only) or only.keys() != _OF_TEXT or only["type"] != "text":
        return None
    text = only["content"]
    return text if isinstance(text, str) and not has_mark(text) else None


def _is_part(given: Row) -> bool:
    keys = ("text", "toolUse", "toolResult", "image", "reasoningContent")
    return isinstance(given.get("type"), str) or any(key in given for key in keys)


def _part(given: JsonObject) -> JsonObject:
    """A part; an image by its address or its bytes, which the conventions name otherwise."""
    if given.get("type") == "uri" and _is_image(given):
        return {"type": "image_url", "image_url": {"url": given.get("uri")}}
    if given.get("type") == "blob" and _is_image(given):
        kind = given.get("mime_type") or "image/png"
        return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{given.get('content')}"}}
    return given


def _is_image(given: Row) -> bool:
    return given.get("modality") == "image" or str(given.get("mime_type")).startswith("image/")
