"""Tools that a system prompt defines in its text, as Hermes' and Qwen's templates do between `<tools>` and `</tools>`.

Templates of models and of this project's server write tools in their own words, and with them how to call one. What a
system prompt says of it is lifted out of it, therefore: the definitions, and sentences of templates that explain them.

Sources: https://github.com/NousResearch/Hermes-Function-Calling,
https://qwen.readthedocs.io/en/latest/framework/function_call.html
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from typing import NamedTuple, cast

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects.plain_functions import plain_tools
from fine_tuning.data_io.json_values import is_list, is_object
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.errors import DataError

_BLOCK = re.compile(r"<tools>((?:(?!<tools>).)*?)</tools>", re.DOTALL)
_PHRASES = tuple(
    re.compile(phrase, re.DOTALL | re.IGNORECASE)
    for phrase in (
        r"(?:^|(?<=\n))# Tools[ \t]*(?=\n|$)",
        r"You are provided with function signatures within <tools>\s*</tools> XML tags[.:]?",
        r"You may call one or more functions to assist with the user query\.?",
        r"Here are the available tools:(?=\s*\x00)",
        r"Use the following (?:pydantic model )?json schema for each tool call you will make:\s*\{.*?\}(?=\s*For each)",
        r"For each function call,? return a json object with (?:the )?function name and arguments within <tool_call>\s*"
        r"</tool_call>(?: XML)? tags(?: as follows| with the following schema)?[.:]?\s*<tool_call>.*?</tool_call>",
    )
)
_DECODER = json.JSONDecoder()
_SYSTEM = ("system", "developer")


class TextWithTools(NamedTuple):
    """A system prompt without its tools, and these."""

    text: str
    tools: list[Tool]


def with_tools_of_text(call: Call) -> Call:
    """The call with the tools that its system prompt defines, where the row has none itself, or the same ones."""
    first = call.messages[0] if call.messages else None
    text = first.get("content") if first is not None and first.get("role") in _SYSTEM else None
    if first is None or not isinstance(text, str) or "</tools>" not in text:
        return call
    found = tools_between_marks(text)
    if found is None or not (call.tools is None or _names(call.tools) == _names(found.tools)):
        return call
    system = [cast("Message", {**first, "content": found.text})] if found.text else []
    return replace(call, messages=[*system, *call.messages[1:]], tools=call.tools or found.tools)


def tools_between_marks(text: str) -> TextWithTools | None:
    """The tools of a text between marks, and the text without them; None where it has none that can be read."""
    blocks = [each[1] for each in _BLOCK.finditer(text) if each[1].strip()]
    values = [json_values(each) for each in blocks]
    defined = [tool for each in values if each is not None for tool in each]
    if not defined or None in values:
        return None
    try:
        tools = plain_tools(defined, "<tools>")
    except DataError:
        return None
    if not tools or not all(is_object(each) and is_object(each.get("function")) for each in tools):
        return None
    return TextWithTools(without_phrases(_BLOCK.sub(lambda each: "\0" if each[1].strip() else each[0], text)), tools)


def without_phrases(text: str) -> str:
    """A text without what templates say about tools; a NUL character stands where the tools were."""
    for phrase in _PHRASES:
        text = phrase.sub("", text)
    return re.sub(r"[ \t]*\n(?:[ \t]*\n)+", "\n\n", re.sub(r"[ \t]{2,}", " ", text.replace("\0", ""))).strip()


def json_values(text: str) -> list[object] | None:
    """The values of a text that is JSON, or one value behind the other, or a Python list as `str` prints it."""
    plain, found = text.strip(), list[object]()
    at = 0
    try:
        while at < len(plain):
            value, at = _DECODER.raw_decode(plain, at)
            found += value if is_list(value) else [value]
            while at < len(plain) and plain[at] in " \t\r\n,":
                at += 1
    except (ValueError, RecursionError):
        return _python_values(plain)
    return found if all(map(is_object, found)) else None


def _python_values(text: str) -> list[object] | None:
    try:
        value = ast.literal_eval(text)
        json.dumps(value, allow_nan=False)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    values = value if is_list(value) else [value]
    return values if all(map(is_object, values)) else None


def _names(tools: list[Tool]) -> set[str]:
    return {str(each.get("function", {}).get("name")) for each in tools}
