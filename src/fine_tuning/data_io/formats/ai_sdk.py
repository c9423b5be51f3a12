"""Chats of Vercel's AI SDK as applications store them: UI messages of versions 4 and 5, and model messages.

Source: https://ai-sdk.dev/docs/ai-sdk-ui/chatbot-message-persistence
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_messages, with_plain_texts
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.json_values import Row, is_list, is_object, is_one_of, parse_embedded_json

NAME = "ai-sdk"
_KEYS = ("messages", "tools", "chatId")
_BESIDE = {"toolInvocations", "experimental_attachments"}
_CONTENT_TYPES = {"tool-call", "tool-result"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    messages = parse_embedded_json(row.get("messages"))
    return is_list(messages) and any(is_object(each) and _is_own(each) for each in messages)


def _is_own(message: Row) -> bool:
    """Whether a message is as this SDK has it, and no other."""
    if any(is_list(parse_embedded_json(message[key])) for key in _BESIDE if key in message):
        return True
    parts, content = parse_embedded_json(message.get("parts")), parse_embedded_json(message.get("content"))
    has_parts = is_list(parts) and bool(parts) and all(is_object(each) and "type" in each for each in parts)
    is_called = is_list(content) and any(
        is_object(each) and is_one_of(each.get("type"), _CONTENT_TYPES) for each in content
    )
    return "role" in message and (has_parts or is_called)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    messages = with_plain_texts(read_messages(row.get("messages"), "messages"))
    yield call_from_row(row, _KEYS, messages, read_tools(row.get("tools")))
