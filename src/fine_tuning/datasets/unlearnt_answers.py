"""Answers that are left out as rows of their own, and not learnt from the longer states of their chats either.

An answer that was cut off or rated too low is not trained on; the chat goes on after it. There it stays, for the turns
after it are answers to it, with weight 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.formats import row_text
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.json_values import JsonObject, is_list, is_object
from fine_tuning.datasets import turns
from fine_tuning.errors import DataError

CODE, REPEATED = "unlearnt-answer", "repeated-answer"
_KEYS = ("messages", "conversations")  # of the formats whose turns have weights


class BadStates:
    """States of chats that end with an answer that is not to be learnt; see `turns.States`."""

    def __init__(self) -> None:
        self._ids: dict[int, set[object]] = {}

    def __bool__(self) -> bool:
        return bool(self._ids)

    @property
    def keys(self) -> Collection[int]:
        """The hashes of the states."""
        return self._ids.keys()

    def add(self, state: int, conversation: object) -> None:
        """Add a state.

        Args:
            conversation: the id of its chat; false for none.
        """
        self._ids.setdefault(state, set()).add(conversation or None)

    def discard(self, state: int, conversation: object) -> None:
        """Take out a state that another row of the same chat teaches."""
        if state in self._ids:
            self._ids[state].discard(conversation or None)
            if not self._ids[state]:
                del self._ids[state]

    def has(self, state: int, conversation: object) -> bool:
        """Whether a chat's state is one of these: with the same id, or where either has none."""
        ids = self._ids.get(state, set())
        return bool(ids) and (not conversation or None in ids or conversation in ids)


def finding(count: int) -> Finding:
    """What is said of a row with such answers."""
    answers = "1 answer that is" if count == 1 else f"{count} answers that are"
    return Finding(CODE, "messages", f"{answers} left out as a row, cut off or rated low, has weight 0")


def repeated(count: int) -> Finding:
    """What is said of a row whose earlier answers are learnt in other rows of its chat."""
    answers = "1 answer that is" if count == 1 else f"{count} answers that are"
    return Finding(REPEATED, "messages", f"{answers} learnt in another row of the chat has weight 0 here")


def marked(row: Mapping[str, object], states: Collection[int]) -> JsonObject | None:
    """The row with weight 0 for the answers at which these states end.

    Returns:
        None where the format of the row has no weights, or nothing is left to learn.
    """
    key = next((each for each in _KEYS if is_list(row.get(each))), None)
    given = cast("list[object]", row[key]) if key else []
    try:
        messages = read_messages(given, key or "")
    except DataError:
        return None
    if not key or len(messages) != len(given):
        return None
    bad = {at for at, state in turns.answered(messages) if state in states}
    found = [{**each, "weight": 0} if at in bad and is_object(each) else each for at, each in enumerate(given)]
    is_learnt = any(
        at not in bad and each.get("role") == "assistant" and each.get("weight") != 0
        for at, each in enumerate(messages)
    )
    return {**row, key: found} if is_learnt else None


def marked_text(text: str, states: Collection[int]) -> str | None:
    """As `marked`, of a row as canonical JSON."""
    row = row_text.parse(text.encode())
    if isinstance(row, Finding) or (found := marked(row, states)) is None:
        return None
    return row_text.canonical(found).decode()
