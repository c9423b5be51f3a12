"""Tool calls and JSON text in one spelling, by which the same call is known however it was written down.

An agent that sends its history with each request writes it anew: keys in another order, other spaces, `1.0` for `1`,
fields that are null, new ids of calls, the time at which it was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from fine_tuning.data_io.messages import ToolCall

_CLOCK = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?\s?(?:Z|UTC|[+-]\d\d:?\d\d)?")
_EPOCH = ((1e9, 2.2e9), (1e12, 2.2e12), (1e15, 2.2e15), (1e18, 2.2e18))  # seconds to nanoseconds, 2001 to 2039
_GENERATED = re.compile(
    r"(?:(?:tool_?)?call|request|trace|span|correlation|idempotency|run|invocation|message|event)[-_]?(?:id|key)|nonce"
    r"|time_?stamp|ts",
    re.IGNORECASE,
)
_NEW_EACH_TIME = "\x00"
_MOST_NESTED = 50


def call_text(calls: Sequence[ToolCall], *, is_timeless: bool = False) -> str:
    """Names and arguments of calls, without their ids; also of calls as earlier versions captured them.

    Args:
        is_timeless: see `json_text`.
    """
    return " ".join(_call_text(call.get("function", call), is_timeless=is_timeless) for call in calls)


def _call_text(function: Mapping[str, object], *, is_timeless: bool) -> str:
    given = function.get("arguments")
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    return f"{function.get('name')} {json_text(text, is_timeless=is_timeless)}"


def json_text(text: str, *, is_timeless: bool = False) -> str:
    """JSON text of an object or array in one spelling; any other text as it is.

    Args:
        is_timeless: whether times of a clock, and ids that are generated for each request, are all alike.
    """
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        value = _canonical(json.loads(text), is_timeless)
    except (ValueError, RecursionError):
        return text
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _canonical(value: object, is_timeless: bool, depth: int = 0) -> object:
    if depth > _MOST_NESTED:
        return value
    if isinstance(value, dict):
        return {
            key: _NEW_EACH_TIME
            if is_timeless and _GENERATED.fullmatch(key)
            else _canonical(each, is_timeless, depth + 1)
            for key, each in value.items()
            if each is not None
        }
    if isinstance(value, list):
        return [_canonical(each, is_timeless, depth + 1) for each in value]
    if isinstance(value, str):
        return _NEW_EACH_TIME if is_timeless and _CLOCK.fullmatch(value) else json_text(value, is_timeless=is_timeless)
    if is_timeless and isinstance(value, int | float) and any(low <= value < high for low, high in _EPOCH):
        return _NEW_EACH_TIME
    return int(value) if isinstance(value, float) and value.is_integer() else value
