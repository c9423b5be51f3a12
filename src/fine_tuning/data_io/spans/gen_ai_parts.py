"""Content of messages in OpenTelemetry's words.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (the JSON schemas of its messages)
"""

from __future__ import annotations

from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json


def readable(messages: object) -> object:
    """Messages whose images are as the dialects have them, and whose content is not JSON text."""
    return [_message(each) if is_object(each) else each for each in messages] if is_list(messages) else messages


def _message(given: JsonObject) -> JsonObject:
    for key in ("content", "parts"):
        value = given.get(key)
        parts = parse_embedded_json(value)
        if given.get("role") == "tool" and isinstance(value, str) and "toolResult" not in value:
            continue  # a result that is JSON is the tool's own
        if is_list(parts) and parts and all(is_object(each) and _is_part(each) for each in parts):
            given = {**given, key: [_part(each) if is_object(each) else each for each in parts]}
    return given


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
