"""The message of an answer: inside a response, or logged without the response around it."""

from __future__ import annotations

from fine_tuning.data_io.dialects import message_keys
from fine_tuning.data_io.dialects.content import kind_of
from fine_tuning.data_io.dialects.conversation import read_answer
from fine_tuning.data_io.dialects.found_by_host import KEYS_OF_MESSAGES
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object
from fine_tuning.data_io.key_meanings import meaning_of
from fine_tuning.data_io.messages import Message

CONTENTS = frozenset({"content", "tool_calls", "function_call", "refusal"})
"""Fields in which an answer says something."""
_READ = CONTENTS | {"role", "name", "weight", *KEYS_OF_MESSAGES}
_ANTHROPICS_PARTS = {"tool_use", "thinking", "redacted_thinking", "server_tool_use"}


def read(message: Row) -> list[Message]:
    """An answer without its empty fields, and without those that say nothing of the conversation.

    Raises:
        DataError: it is malformed, or rests on what its host has found.
    """
    kept: JsonObject = {
        key: value
        for key, value in message.items()
        if value not in (None, [], {}) and (key in _READ or meaning_of(key) is not None)
    }
    message_keys.note_left_out(message)
    if not CONTENTS & kept.keys():
        kept["content"] = message.get("content")
    return read_answer({**kept, "role": "assistant"}, "message")


def is_anthropics(message: Row) -> bool:
    """Whether the message of an assistant is a response of Anthropic's, which is a message itself."""
    if message.get("type") == "message" or "stop_reason" in message:
        return True
    content = message.get("content")
    return is_list(content) and any(is_object(part) and kind_of(part) in _ANTHROPICS_PARTS for part in content)
