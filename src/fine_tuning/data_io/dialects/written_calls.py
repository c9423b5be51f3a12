"""Calls written as code: `[get_weather(city="Rome"), Find Flights(to="FCO", direct=true)]`."""

from __future__ import annotations

import ast
import json
import re

from fine_tuning.data_io.json_values import JsonObject

_NAME = re.compile(r"[\s,]*([^\W\d][^()\[\]{}\"'=,\n]*?)\s*\(")
_WORDS = {"true": True, "false": False, "null": None}


def written_calls(text: str) -> list[JsonObject] | None:
    """The calls of a text that is a list of them and nothing else; None for another text.

    Names may have spaces and dots; arguments have names, and values of Python or of JSON.
    """
    plain = text.strip()
    if not plain.startswith("[") or not plain.endswith("]"):
        return None
    found, at, end = list[JsonObject](), 1, len(plain) - 1
    while plain[at:end].strip(" \t\r\n,"):
        name = _NAME.match(plain, at, end)
        close = None if name is None else _closing(plain, name.end(), end)
        arguments = None if name is None or close is None else _arguments(plain[name.end() : close])
        if name is None or close is None or arguments is None:
            return None
        found.append({"name": name[1], "arguments": arguments})
        at = close + 1
    return found or None


def _closing(text: str, at: int, end: int) -> int | None:
    """Where the bracket that is open before `at` closes, outside of texts in quotes."""
    depth, quote = 1, ""
    while at < end:
        character = text[at]
        if quote:
            if character == "\\":
                at += 1
            elif character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if not depth:
                return at
        at += 1
    return None


def _arguments(code: str) -> JsonObject | None:
    """The arguments between the brackets of a call; None where they are no values with names."""
    try:
        call = ast.parse(f"f({code})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or any(each.arg is None for each in call.keywords):
            return None
        found = {str(each.arg): _value(each.value) for each in call.keywords}
        json.dumps(found, allow_nan=False)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    return found


def _value(node: ast.expr) -> object:
    """The value of an expression, with JSON's names for true, false and nothing."""
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Dict) and all(each is not None for each in node.keys):
        keys = [ast.literal_eval(each) for each in node.keys if each is not None]
        return dict(zip(keys, map(_value, node.values), strict=True))
    return ast.literal_eval(node)
