"""Captured chats that a later one continues, without the scale of `conversations`: examples in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np

from fine_tuning.data_io.json_values import is_object
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.data_io.rows import conversation_key
from fine_tuning.datasets import conversations, turns
from fine_tuning.errors import DataError

Example = Mapping[str, object]


class _Chat(NamedTuple):
    messages: turns.Messages
    conversation: str | None


def groups(examples: Sequence[Example]) -> list[int]:
    """The conversation of each example, numbered from 0; see `conversations.groups`."""
    chats = [_chat(example) for example in examples]
    return conversations.groups([chat.messages for chat in chats], [chat.conversation for chat in chats])


def continued(examples: Sequence[Example]) -> set[int]:
    """The positions of the examples whose whole conversation is the beginning of another's, which is learnt whole.

    An example without an id of its conversation is continued by any, one with an id by those with the same one and
    those without.
    """
    chats = [_chat(example) for example in examples]
    states = [turns.states(chat.messages) for chat in chats]
    known: set[tuple[int, str | None]] = set()
    anyone: set[int] = set()
    for chat, each in zip(chats, states, strict=True):
        if all(message.get("weight") != 0 for message in chat.messages):
            keys = np.frombuffer(each.starts, np.uint64)[::2].tolist()
            known.update((key, chat.conversation) for key in keys)
            anyone.update(keys)
    return {
        at
        for at, (chat, each) in enumerate(zip(chats, states, strict=True))
        if (chat.conversation is None and each.whole in anyone)
        or (
            chat.conversation is not None
            and not known.isdisjoint({(each.whole, chat.conversation), (each.whole, None)})
        )
    }


def _chat(example: Example) -> _Chat:
    """The messages of an example, none where they are incomplete, and the id of its conversation."""
    metadata = example.get("metadata")
    named = conversation_key(metadata) if is_object(metadata) else None
    try:
        messages = messages_of_example(example)
    except DataError:
        messages = []
    is_readable = all(is_object(each) and isinstance(each.get("role"), str) for each in cast("list[object]", messages))
    return _Chat(messages if is_readable else [], named)
