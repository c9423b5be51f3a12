"""A model's answer as graders see it: its text, the JSON in it, its tool calls, and the choices of a completion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import Final, NoReturn

from fine_tuning.data_io.json_values import JsonObject, is_list, is_object

VARIABLES = ("output_text", "output_json", "output_tools", "choices")
NOT_JSON: Final = object()


@dataclass(frozen=True)
class ModelSample:
    """An answer. Its text may be a message as JSON, with `tool_calls`."""

    text: str

    def variables(self) -> JsonObject:
        """The namespace `sample`; `output_json` is there only where the text is JSON."""
        value = strict_json(self.text)
        calls = _tool_calls(value)
        message: JsonObject = {"role": "assistant", "content": self.text}
        if calls:
            content = value.get("content") if is_object(value) else None
            message = {"role": "assistant", "content": content, "tool_calls": calls}
        found: JsonObject = {
            "output_text": self.text,
            "output_tools": calls,
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        }
        return found if value is NOT_JSON else {**found, "output_json": value}


def strict_json(text: str) -> object:
    """The JSON value of a text that can be written again: finite numbers, no lone surrogates; else `NOT_JSON`."""
    try:
        value: object = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return NOT_JSON
    return value


def _finite(written: str) -> float:
    if not isfinite(value := float(written)):
        raise ValueError(written)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _tool_calls(value: object) -> list[object]:
    """The calls of a message with `tool_calls`, or of a list of calls in OpenAI's words."""
    calls = value.get("tool_calls") if is_object(value) else value
    if not is_list(calls) or not all(is_object(call) and is_object(call.get("function")) for call in calls):
        return []
    return list(calls)
