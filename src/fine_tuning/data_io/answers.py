"""Answers as callers give them for a comparison: text, a message with its tool calls, or the calls alone."""

from __future__ import annotations

from collections.abc import Mapping

from fine_tuning.data_io.dialects.tool_calls import tool_calls
from fine_tuning.data_io.json_values import is_list, is_object
from fine_tuning.data_io.messages import compared_text

AnswerLike = str | Mapping[str, object] | list[Mapping[str, object]]
"""Text, a message (or `LLMService`'s answer), or a list of tool calls in any vendor's words."""


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


def _calls_in_parts(content: object) -> list[object]:
    """The parts of a content that are calls, as Anthropic and Vercel write them."""
    parts = content if is_list(content) else []
    return [part for part in parts if is_object(part) and part.get("type") in ("tool_use", "tool-call")]
