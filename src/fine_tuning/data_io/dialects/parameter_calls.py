"""Calls whose arguments are written one by one, as text between tags: Qwen3-Coder's, GLM's, and those with `invoke`.

Such a value has no type of its own, so that it gets the one which the tools of the row state.

Sources: https://huggingface.co/Qwen/Qwen3-Coder-30B-A3B-Instruct, https://huggingface.co/zai-org/GLM-4.5,
https://huggingface.co/MiniMaxAI/MiniMax-M2, https://huggingface.co/deepseek-ai/DeepSeek-V3.2 (their chat templates)
"""

# ruff: noqa: RUF001 - signs of templates

from __future__ import annotations

import json
import re

from fine_tuning.data_io.json_values import JsonObject

INVOKE = 'invoke name="'
PREFIX = r"(?:[\w-]+:|｜DSML｜)?"
"""What may stand before the name of a tag."""
_FUNCTION = re.compile(r"<function=(?P<name>[^>\s]+)>(?P<body>.*)</function>", re.DOTALL)
_PARAMETER = re.compile(
    rf'\s*<{PREFIX}parameter(?:=(?P<named>[^>\n]+)| name="(?P<name>[^"\n]+)"(?P<more>[^>\n]*))>'
    rf"(?P<value>.*?)</{PREFIX}parameter>\s*",
    re.DOTALL,
)
_ARGUMENT = re.compile(
    r"\s*<arg_key>\s*(?P<name>[^<\n]+?)\s*</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>\s*", re.DOTALL
)
_GLM = re.compile(r"(?P<name>[\w.-]+)\s*(?P<body><arg_key>.*)", re.DOTALL)
_WORDS = {"True": True, "False": False, "None": None}  # as templates print values of Python


class Untyped(str):
    """JSON of arguments that were all written as text: the tools that say their types are read later."""

    __slots__ = ()


def written_call(text: str) -> JsonObject | None:
    """The call of a text that is one, in the tags of Qwen3-Coder or of GLM; None for another text."""
    found = _FUNCTION.fullmatch(text.strip()) or _GLM.fullmatch(text.strip())
    arguments = None if found is None else arguments_of(found["body"])
    return None if found is None or arguments is None else {"name": found["name"], "arguments": arguments}


def arguments_of(body: str) -> str | None:
    """The arguments of a call as JSON text: the text itself, or its parameters; None where it has other text.

    A line break after a tag and before the next one is the template's.
    """
    if body.lstrip()[:1] == "{":
        return body
    found: JsonObject = {}
    is_typed, at = True, 0
    while body[at:].strip():
        each = _PARAMETER.match(body, at) or _ARGUMENT.match(body, at)
        name = None if each is None else (each.groupdict().get("named") or each["name"])
        if each is None or name is None or name in found:
            return None
        stated = re.search(r'string="(true|false)"', each.groupdict().get("more") or "")
        text = each["value"].removeprefix("\n").removesuffix("\n")
        is_typed = is_typed and stated is not None
        found[name] = value_of(text) if stated is not None and stated[1] == "false" else text
        at = each.end()
    written = json.dumps(found, ensure_ascii=False)
    return written if is_typed else Untyped(written)


def value_of(text: str) -> object:
    """The value of a text as JSON, or as Python prints it; the text where it is neither."""
    plain = text.strip()
    if plain in _WORDS:
        return _WORDS[plain]
    try:
        value: object = json.loads(plain)
    except (ValueError, RecursionError):
        return text
    return value
