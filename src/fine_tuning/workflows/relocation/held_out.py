"""Holds out a part of the training data, to test the old and the new model on it."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from fine_tuning._util.files import atomic_write
from fine_tuning.data_io.rows import conversation_key, read_rows
from fine_tuning.errors import ConflictError

TEST_SHARE = 0.1  # of the data
MIN_TEST_ROWS = 20  # that a verdict needs


def split(path: Path, *, train: Path, test: Path) -> None:
    """Split the rows of a file into a training file and a test file; no conversation is in both.

    Raises:
        ConflictError: there are too few rows, or conversations.
    """
    rows = [row for _, row in read_rows(path)]
    count = max(MIN_TEST_ROWS, round(len(rows) * TEST_SHARE))
    if len(rows) < 2 * count:
        raise ConflictError(f"{path.name} has {len(rows)} rows, too few to hold some out; name a test file")
    places = draw([conversation_at(row, number) for number, row in enumerate(rows)], count)
    if len(places) < MIN_TEST_ROWS:
        raise ConflictError(f"{path.name} has too few conversations to hold some out; name a test file")
    for part, is_test in ((train, False), (test, True)):
        here = [row for at, row in enumerate(rows) if (at in places) == is_test]
        with atomic_write(part) as out:
            out.writelines(f"{json.dumps(row)}\n" for row in here)


def conversation_at(row: Mapping[str, object], number: int) -> str:
    """The key of a row's conversation: its id, or else the first user message."""
    messages = row.get("messages")
    turns = [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
    first = next((each.get("content") for each in turns if each.get("role") == "user"), None)
    prompt = first or row.get("prompt") or row.get("instruction")
    return conversation_key(row) or (json.dumps(prompt, sort_keys=True) if prompt else f"row={number}")


def draw(conversations: Sequence[str], count: int) -> set[int]:
    """Draw about `count` row positions at random, by conversation; conversations far too long are skipped."""
    places: dict[str, list[int]] = {}
    for at, conversation in enumerate(conversations):
        places.setdefault(conversation, []).append(at)
    groups = list(places.values())
    random.Random(0).shuffle(groups)  # noqa: S311 - chance, no secret
    found: set[int] = set()
    for group in groups:
        if len(found) < count and len(found) + len(group) <= count * 3 // 2:
            found.update(group)
    return found
