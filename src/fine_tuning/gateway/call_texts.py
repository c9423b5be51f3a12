"""A call in the words that the terminal and the dashboard show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line imports no more than it shows
    from fine_tuning.data_io.messages import Message
    from fine_tuning.store.records.gateway_calls import GatewayCall


def status(call: GatewayCall) -> str:
    """How a call ended."""
    if call["status"] is None:
        return "no response"
    is_success = call["status"] in range(200, 300)
    return f"{call['status']}, no whole answer" if is_success and not call["is_whole"] else str(call["status"])


def captured(call: GatewayCall) -> str:
    """Whether it became an example, or why not."""
    return "yes" if call["example_id"] else f"no: {call['not_captured']}"


def tokens(call: GatewayCall) -> int | None:
    """Its tokens, as far as they are known; None where none are."""
    known = [each for each in (call["prompt_tokens"], call["completion_tokens"]) if each is not None]
    return sum(known) if known else None


def message_text(message: Message) -> str:
    """The text of a message and its tool calls, a line each."""
    parts: list[Any] = [message.get("content"), *(message.get("tool_calls") or ())]
    return "\n".join(each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in parts if each)
