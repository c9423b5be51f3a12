"""Requests that end with the beginning of an answer, with which the response goes on.

Sources: https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response,
https://api-docs.deepseek.com/guides/chat_prefix_completion, https://docs.mistral.ai/guides/prefix
"""

from __future__ import annotations

from typing import cast

from fine_tuning.data_io.dialects.message_keys import OF_BEGUN_ANSWERS
from fine_tuning.data_io.messages import Message


def is_begun(messages: list[Message]) -> bool:
    """Whether the last message says that it is the beginning of an answer."""
    return bool(messages) and any(messages[-1].get(mark) is True for mark in OF_BEGUN_ANSWERS)


def continued(prompt: list[Message], response: list[Message], *, goes_on: bool = False) -> list[Message]:
    """The conversation; where the request ends with the beginning of an answer, the response goes on with it.

    Args:
        goes_on: the API's models go on with any message of the assistant that ends a request.
    """
    begun = prompt[-1] if prompt else None
    if (
        begun is None
        or begun.get("role") != "assistant"
        or not (goes_on or is_begun(prompt))
        or begun.get("tool_calls")
    ):
        return [*prompt, *response]
    first, rest = begun.get("content"), response[0].get("content")
    if not isinstance(first, str) or not isinstance(rest, str):
        return [*prompt, *response]
    whole = rest if is_begun(prompt) and rest.startswith(first) else first + rest  # Mistral repeats the beginning
    return [*prompt[:-1], cast("Message", {**response[0], "content": whole}), *response[1:]]
