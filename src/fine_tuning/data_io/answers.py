"""Answers as callers give them for a comparison: text, a message with its tool calls, or the calls alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from fine_tuning.data_io.dialects.tool_calls import tool_calls
from fine_tuning.data_io.json_values import is_list, is_object
from fine_tuning.data_io.messages import compared_text

AnswerLike = str | Mapping[str, object] | list[Mapping[str, object]]
"""Text, a message (or `LLMService`'s answer), or a list of tool calls in any vendor's words."""
_MAY_BE_CALLS = re.compile(r"\s*(?:[\[{]|```)|.*<tool_call>", re.DOTALL)


def as_compared(answer: object) -> object:
    """The text by which an answer is compared, see `messages.compared_text`; what is no answer as it is.

    Raises:
        DataError: the content of a message is neither text nor a list of parts.
    """
    if is_list(answer) and answer:
        calls = tool_calls(answer, 0)
        return answer if calls is None else compared_text({"tool_calls": calls})
    if isinstance(answer, Mapping) and {"content", "tool_calls"} & answer.keys():
        given = answer.get("tool_calls") or _calls_in_parts(answer.get("content"))
        calls = tool_calls([*given], 0) if isinstance(given, list | tuple) and given else None
        return compared_text({"content": answer.get("content"), "tool_calls": calls})
    if is_object(answer) and (calls := tool_calls(answer, 0)):
        return compared_text({"tool_calls": calls})
    return answer


def compared(prediction: object, reference: object) -> tuple[object, object]:
    """Both as `as_compared` has them, where a message that only writes what its reference calls makes no call."""
    text, expected = as_compared(prediction), as_compared(reference)
    if isinstance(text, str) and _makes_calls(prediction) is False and _makes_calls(reference):
        text = as_words(text)
    return text, expected


def _makes_calls(answer: object) -> bool | None:
    """Whether a message, or a list of calls, makes any; None of a text, which may be written calls."""
    if isinstance(answer, Mapping) and {"content", "tool_calls"} & answer.keys():
        return bool(answer.get("tool_calls") or _calls_in_parts(answer.get("content")))
    return True if is_list(answer) or is_object(answer) else None


def as_words(text: str) -> str:
    """The text of an answer that makes no call, such that it is not read as one: written as a call, it is quoted."""
    return json.dumps(text, ensure_ascii=False) if _MAY_BE_CALLS.match(text) else text


def _calls_in_parts(content: object) -> list[object]:
    """The parts of a content that are calls, as Anthropic and Vercel write them."""
    parts = content if is_list(content) else []
    return [part for part in parts if is_object(part) and part.get("type") in ("tool_use", "tool-call")]
