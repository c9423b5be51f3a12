"""One captured call in its canonical form, and the id that follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fine_tuning.errors import DataError

Message = Mapping[str, Any]


def conversation_id(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None) -> str:
    """`sha256:` and the hash of the conversation's canonical JSON (sorted keys, no spaces, UTF-8).

    The same messages, answer and tools have the same id wherever and whenever they were captured.
    """
    content: dict[str, Any] = {"messages": list(messages)}
    if tools:
        content["tools"] = list(tools)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def prompt_and_response(messages: Sequence[Message]) -> tuple[str, str]:
    """The last user message and the last assistant answer of a conversation.

    Raises:
        DataError: the conversation does not end with an assistant message, or has no user message.
    """
    if not all(isinstance(message, Mapping) and isinstance(message.get("role"), str) for message in messages):
        raise DataError("each message must be an object with role and content")
    if not messages or messages[-1].get("role") != "assistant":
        raise DataError("a captured conversation must end with an assistant message")
    prompts = [message for message in messages if message.get("role") == "user"]
    if not prompts:
        raise DataError("a captured conversation needs a user message")
    return text_of(prompts[-1]), text_of(messages[-1])


def text_of(message: Message) -> str:
    """The text of a message whose content is a string or a list of parts; tool calls as JSON.

    Raises:
        DataError: the content is something else.
    """
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    if content is None and message.get("tool_calls"):
        return json.dumps(message["tool_calls"], ensure_ascii=False)
    if content is not None and not isinstance(content, str):
        raise DataError(f"content must be text or a list of parts, not {type(content).__name__}")
    return content or ""
