"""Calls as Glaive's sets write them: JSON whose arguments are JSON text, in single quotes.

Source: https://huggingface.co/datasets/glaiveai/glaive-function-calling-v2
"""

from __future__ import annotations

import json
import re

from fine_tuning.data_io.json_values import JsonObject, is_object

_QUOTED = re.compile(r"""\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)+")\s*,\s*"arguments"\s*:\s*'(.*)'\s*\}""", re.DOTALL)


def quoted_call(text: str) -> JsonObject | None:
    """The call of a text such as `{"name": "f", "arguments": '{"a": 1}'}`; None for another text."""
    found = _QUOTED.fullmatch(text.strip())
    if found is None:
        return None
    for written in (found[2], found[2].replace("\\'", "'"), found[2].replace("\\n", "\n")):
        try:
            arguments: object = json.loads(written, strict=False)
            return {"name": json.loads(found[1]), "arguments": arguments} if is_object(arguments) else None
        except (ValueError, RecursionError):
            continue
    return None
