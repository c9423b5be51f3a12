"""Rows that are read as plain chats are read as all formats and checks together would read them."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fine_tuning.data_io import formats
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.formats import chat_checks, plain_chat
from tests.data_io.test_formats import ONE_CALL

TEXTS = [
    *("What is due?", "Seven.", "[1, 2]", '{"a": 1}', '"quoted"', "नमस्ते", " indented", "<b>bold</b>", "1", "<image>"),
    *(
        "",
        " ",
        "\u200b",
        "\u3164",
        "cut off...[truncated]",
        "... [+120 chars]",
        "[REDACTED]",
        "<tool_call>{}</tool_call>",
    ),
    *('[TOOL_CALLS][{"name": "f", "arguments": {}}]', "<|python_tag|>f()", "null", "true", "\u0000", "✓", "-", "#"),
]
VALUES = [
    None,
    "",
    "x",
    "shop",
    " ",
    0,
    1,
    3.5,
    5,
    True,
    [],
    {},
    "[1, 5]",
    "★★★☆☆",
    [1, 5],
    {"role": ["user"]},
    "{}",
    "5",
    "thumbs down",
    "error",
    False,
    {"flagged": True},
    [{"rating": 1}],
]
ROLES = ["system", "developer", "user", "assistant", "tool", "human", "", None]
KEYS = [
    *("domain", "task_type", "rating", "metadata", "model", "captured_at", "model_used", "tools", "Rating", "id"),
    *("finish_reason", "truncated", "unread_columns", "role", "from", "conversation_id", "temperature", "system"),
    *("response", "completion", "rejected", "feedback", "score", "status", "error", "chat", "history", "context"),
    *("user_rating", "thumbsUp", "is_error", "deleted", "stopReason", "moderation", "annotations", "mood", "ok"),
]


def row_of(rng: random.Random) -> dict[str, Any]:
    """A plain chat, changed in a place or two, or in none."""
    turns = ["user", "assistant"] * rng.randint(1, 3)
    messages: list[dict[str, Any]] = [{"role": role, "content": rng.choice(TEXTS[:2])} for role in turns]
    if rng.random() < 0.3:
        messages.insert(0, {"role": rng.choice(ROLES[:2]), "content": "Be brief."})
    row: dict[str, Any] = {"messages": messages}
    for _ in range(rng.randrange(4)):
        row[rng.choice(KEYS[:5])] = rng.choice(VALUES)
    for _ in range(rng.randrange(3)):
        message = rng.choice(messages)
        change = rng.randrange(6)
        if change == 0:
            message["content"] = rng.choice(TEXTS)
        elif change == 1:
            message["role"] = rng.choice(ROLES)
        elif change == 2:
            message[rng.choice(["weight", "name", "parts", "tool_calls", "childrenIds"])] = rng.choice(VALUES)
        elif change == 3:
            row[rng.choice(KEYS)] = rng.choice(VALUES)
        elif change == 4:
            row["metadata"] = {rng.choice(KEYS): rng.choice(VALUES), "source": "shop"}
        else:
            messages.remove(message) if len(messages) > 1 else None
    return row


def test_plain_chats_are_read_as_by_all_formats_and_checks() -> None:
    rng = random.Random(3)
    plain = 0
    for number in range(6000):
        row = row_of(rng)
        if (call := plain_chat.read(json.loads(json.dumps(row)))) is None:
            continue
        plain += 1
        with unread_keys.noted() as unread:
            (expected,) = formats.calls_in(row)
        assert (number, row, call) == (number, row, expected)
        assert formats.format_of(row) == "openai"
        assert not unread
        assert chat_checks.check_row({"messages": call.messages}) == []
    assert 500 < plain < 3000


@given(st.sampled_from([*ONE_CALL.values()]), st.sampled_from(KEYS), st.sampled_from(VALUES))
def test_rows_of_all_formats_have_theirs_whatever_stands_beside(row: dict[str, Any], key: str, value: Any) -> None:
    shortened = {**row, key: value}
    call = plain_chat.read(shortened)
    assert call is None or [call] == [*formats.calls_in(shortened)]


def test_plain_chat_of_a_captured_row_is_read() -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    call = plain_chat.read({"messages": messages, "domain": "shop", "rating": 4, "metadata": {"source": "web"}})
    assert call is not None
    assert (call.messages, call.domain, call.rating, call.metadata) == (messages, "shop", 4, {"source": "web"})
