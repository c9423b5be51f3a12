"""The keys of a message beside its role and what it says: those of no meaning, those that are left out, and others."""

from __future__ import annotations

from collections.abc import Set

from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.dialects.calls_beside import CALL_KEYS
from fine_tuning.data_io.json_values import JsonObject, Row, is_object

_OF_NO_MEANING = {  # what SDKs, hosts and logs write beside a message
    *("id", "status", "index", "response_metadata", "usage_metadata", "invalid_tool_calls", "example"),
    "tool_call_chunks",
    *("created_at", "createdAt", "timestamp", "provider_specific_fields", "phase", "logprobs", "finish_reason"),
    *("cache_control", "model", "usage", "end_turn", "revisionId", "stop_reason", "date", "markdown", "done"),
    # WildChat's, of each message
    *("language", "toxic", "redacted", "turn_identifier", "hashed_ip", "country", "state", "header", "openai_id"),
    *("token_counter", "temperature", "top_p", "system_fingerprint"),
}
_LEFT_OUT = {  # trainers do not take them, though they may have been a part of the message
    *("reasoning_content", "reasoning", "reasoning_details", "thinking", "thinking_blocks", "metadata", "recipient"),
    "annotations",  # what a text cites; one of what its host has found is refused
}
_BESIDE_ANSWERS = frozenset(_LEFT_OUT - {"metadata"})
FLAGS = ("train", "training", "loss")
"""Of Axolotl and ms-swift: whether a message is learnt."""
OF_BEGUN_ANSWERS = {"prefix", "partial"}  # of DeepSeek and Mistral, and of Moonshot and Qwen
_OF_RESULTS = _OF_NO_MEANING | {"is_error", "isError"}


def unknown(given: Row, read: Set[str]) -> JsonObject:
    """Fields that nobody here knows, for the checks to name.

    Args:
        read: keys that are read from every message.
    """
    return {
        key: value
        for key, value in given.items()
        if value not in (None, [], {})
        and key not in read
        and key not in _OF_NO_MEANING
        and key not in _LEFT_OUT
        and not (key in OF_BEGUN_ANSWERS and value is False)
    }


def note_unread(given: Row, read: Set[str], content: object) -> None:
    """Note the keys that are unknown or left out, and a second text beside the content."""
    unread_keys.note(given, read | _OF_NO_MEANING | OF_BEGUN_ANSWERS, "message")
    if isinstance(content, str):
        second = {key: given[key] for key in ("value", "text") if isinstance(given.get(key), str)}
        unread_keys.note(second, [key for key, text in second.items() if text == content], "message")
    kwargs = given.get("additional_kwargs")
    if is_object(kwargs):
        unread_keys.note(kwargs, CALL_KEYS, "message.additional_kwargs")


def note_left_out(given: Row) -> None:
    """Note what an answer in a response says beside its content, such as its reasoning."""
    if not _BESIDE_ANSWERS.isdisjoint(given):
        unread_keys.note({key: given[key] for key in _BESIDE_ANSWERS if key in given}, (), "message")


def note_unread_of_result(given: Row, read: Set[str]) -> None:
    """Note the keys of a tool's message that are not read."""
    unread_keys.note(given, read | _OF_RESULTS, "tool")


def note_learnt(given: Row, role: str) -> None:
    """Note that a message of somebody else than the assistant is marked as one to learn, which nobody here does."""
    marked = {key: given[key] for key in (*FLAGS, "weight") if given.get(key) not in (None, 0, "0")}
    if marked:
        unread_keys.note(marked, (), role)
