"""An answer of Gemini's API that was logged as the responses of its stream.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from __future__ import annotations

from collections.abc import Sequence

from fine_tuning.data_io.choices import first_of
from fine_tuning.data_io.finish_reasons import BROKEN_OFF
from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_list, is_object, object_or_empty

_TEXT = ({"text"}, {"text", "thought"})


def joined(events: Sequence[JsonObject]) -> JsonObject:
    """The response that those of a stream make; an empty object if they are of another one."""
    if not any(is_list(event.get("candidates")) for event in events):
        return next((dict(event) for event in events if event.get("promptFeedback")), {})  # a prompt that was blocked
    response: JsonObject = {}
    parts: list[JsonObject] = []
    facts: JsonObject = {}
    for event in events:
        response |= {key: value for key, value in event.items() if value is not None}
        candidates = event.get("candidates")
        first = first_of(candidates)
        facts |= {key: value for key, value in first.items() if value not in (None, {}, [])}
        given = object_or_empty(first.get("content")).get("parts")
        for part in given if is_list(given) else []:
            if is_object(part):
                _add(parts, part)
    content = {"role": "model", "parts": parts}
    reason = first_value(facts, "finishReason", "finish_reason") or BROKEN_OFF
    return {**response, "candidates": [{**facts, "content": content, "finishReason": reason}]}


def _add(parts: list[JsonObject], part: JsonObject) -> None:
    """Add a part; a text goes on with the text before it."""
    if parts and _is_text(parts[-1]) and _is_text(part) and bool(parts[-1].get("thought")) == bool(part.get("thought")):
        parts[-1] = {**parts[-1], "text": f"{parts[-1].get('text')}{part.get('text')}"}
    else:
        parts.append(part)


def _is_text(part: Row) -> bool:
    return part.keys() in _TEXT and isinstance(part.get("text"), str)
