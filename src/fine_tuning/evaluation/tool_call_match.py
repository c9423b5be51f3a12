"""Tool call match: prediction and reference call the same tools with the same arguments, in any order."""

from __future__ import annotations

import json

from fine_tuning.errors import UsageError
from fine_tuning.evaluation.json_match import NOT_JSON, parse


def matches(prediction: str, reference: str) -> bool:
    """Whether the tool calls have the same names and arguments, in any order.

    Both are JSON: a list of calls as OpenAI writes them, or of {"name": ..., "arguments": ...}, or one of them.

    Raises:
        UsageError: the reference has no tool calls.
    """
    expected = _calls(parse(reference))
    if expected is None:
        raise UsageError("the reference has no tool calls")
    return _calls(parse(prediction)) == expected


def _calls(value: object) -> list[str] | None:
    """Each call as canonical JSON, sorted; None if the value holds something else."""
    found = []
    for call in value if isinstance(value, list) else [value]:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return None
        found.append(json.dumps([function["name"], _arguments(function.get("arguments", {}))], sort_keys=True))
    return sorted(found)


def _arguments(written: object) -> object:
    if not isinstance(written, str):
        return written
    parsed = parse(written) if written.strip() else {}
    return {"": written} if parsed is NOT_JSON else parsed  # arguments that are not JSON are compared as text
