"""Text that begins as JSON and is none, such as messages that a tracer has cut off."""

from __future__ import annotations

import json
import re

from fine_tuning.errors import DataError

ANY_JSON = re.compile(r"\s*[\[{]")
"""Begins any object or list of JSON."""
_MESSAGES = re.compile(
    r"""\s*(?:(?:\[\s*)?\{\s*["'](?:role|parts|messages|choices|candidates)["']\s*:"""
    r"""|\[\s*\{\s*["'](?:content["']\s*:|type["']\s*:\s*["'](?:text|input_text|image_url|tool_use)["']))"""
)

_OF_PYTHON = re.compile(r"\s*\[?\s*\{\s*'")


def why_no_json(text: str) -> str:
    """What is wrong with a text that is meant as JSON and is none, and what to do, as the end of a sentence."""
    if _OF_PYTHON.match(text):
        return "is in single quotes, as Python prints it, and no JSON; write it with json.dumps"
    return (
        "is text that begins as JSON and is none; write it with json.dumps, and raise the limit of a tracer that "
        "cuts texts off"
    )


def refuse_broken_json(value: object, label: str, begins: re.Pattern[str] = _MESSAGES) -> None:
    """Refuse a text that begins as JSON and is none: a tracer has cut it off, or it is as Python prints it.

    Args:
        label: where the text is.
        begins: matches texts that are meant as JSON; those that begin as messages or a response, where others may be
            plain text.

    Raises:
        DataError: it is such a text.
    """
    if not isinstance(value, str) or not begins.match(value):
        return
    try:
        json.loads(value)
    except (ValueError, RecursionError) as error:
        if begins is ANY_JSON or "Extra data" not in str(error):  # which is text behind JSON
            raise DataError(f"{label} {why_no_json(value)}") from None
