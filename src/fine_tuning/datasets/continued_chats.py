"""Captured chats that a later one continues, without the scale of `conversations`: examples in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from fine_tuning.data_io.json_values import is_object
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.data_io.rows import conversation_key
from fine_tuning.datasets import conversations, turns
from fine_tuning.datasets.unlearnt_answers import BadStates
from fine_tuning.errors import DataError

Example = Mapping[str, object]
_Weights = tuple[bool, ...]
_States = list[tuple[int, _Weights]]


class _Chat(NamedTuple):
    """The messages of an example, the id of its conversation, and whether each answer until a state is learnt."""

    messages: turns.Messages
    conversation: str | None

    @property
    def states(self) -> _States:
        """Of a chat that ends with an answer, the states that it had, the whole one last."""
        if not turns.states(self.messages).whole:
            return []
        found, weights = [], _Weights()
        for at, state in turns.answered(self.messages):
            weights = (*weights, self.messages[at].get("weight") != 0)
            found.append((state, weights))
        return found


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
    known: dict[int, set[tuple[str | None, _Weights]]] = {}
    states = [chat.states for chat in chats]
    for chat, each in zip(chats, states, strict=True):
        for state, weights in each[:-1]:
            known.setdefault(state, set()).add((chat.conversation, weights))
    return {
        at
        for at, (chat, each) in enumerate(zip(chats, states, strict=True))
        if each and _is_learnt(each, chat.conversation, known)
    }


def _is_learnt(
    states: _States, its_conversation: str | None, known: Mapping[int, Collection[tuple[str | None, _Weights]]]
) -> bool:
    """Whether a longer chat learns every answer that a chat with these states learns."""
    whole, own = states[-1]
    return any(
        (its_conversation is None or conversation in (None, its_conversation))
        and all(mine <= weight for mine, weight in zip(own, weights, strict=True))
        for conversation, weights in known.get(whole, ())
    )


def unlearnt(examples: Sequence[Example], bad: Iterable[Example]) -> dict[int, set[int]]:
    """The positions of the examples that go on after the answers of others, each with the states that these end.

    Args:
        bad: examples whose answers are not to be learnt; the others may have some of them.
    """
    states = BadStates()
    ids: set[object] = set()
    for example in bad:
        ids.add(example.get("id"))
        chat = _chat(example)
        if whole := turns.states(chat.messages).whole:
            states.add(whole, chat.conversation)
    if not states:
        return {}
    chats = [_chat(example) for example in examples]
    reached = [[state for state, _ in chat.states] for chat in chats]
    for example, chat, own in zip(examples, chats, reached, strict=True):
        if own and example.get("id") not in ids:
            states.discard(own[-1], chat.conversation)
    found = [
        {state for state in own if states.has(state, chat.conversation)}
        for chat, own in zip(chats, reached, strict=True)
    ]
    is_bad = [example.get("id") in ids for example in examples]  # those are left out for a reason of their own
    return {at: each for at, each in enumerate(found) if each and not is_bad[at]}


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
