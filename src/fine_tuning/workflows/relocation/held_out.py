"""Holds out a part of the training data, to test the old and the new model on it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from fine_tuning._util.files import atomic_write
from fine_tuning.data_io import formats
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.rows import conversation_key, read_rows
from fine_tuning.datasets import conversations
from fine_tuning.errors import ConflictError, DataError

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
    places = draw(conversations_of(rows), count)
    if len(places) < MIN_TEST_ROWS:
        raise ConflictError(f"{path.name} has too few conversations to hold some out; name a test file")
    for part, is_test in ((train, False), (test, True)):
        here = [row for at, row in enumerate(rows) if (at in places) == is_test]
        with atomic_write(part) as out:
            out.writelines(f"{json.dumps(row)}\n" for row in here)


def conversations_of(rows: Sequence[JsonObject]) -> list[int]:
    """The conversation of each row, by number; a row that is no call is one of its own."""
    return conversations.groups([_messages(row) for row in rows], [conversation_key(row) for row in rows])


def _messages(row: JsonObject) -> list[Message]:
    try:
        call = next(formats.calls_in(row), None)
    except DataError:
        call = None
    return call.messages if call else []


def draw(groups_of_rows: Sequence[int], count: int) -> set[int]:
    """Draw about `count` row positions at random, by conversation; conversations far too long are skipped."""
    places: dict[int, list[int]] = {}
    for at, conversation in enumerate(groups_of_rows):
        places.setdefault(conversation, []).append(at)
    groups = list(places.values())
    random.Random(0).shuffle(groups)  # noqa: S311 - chance, no secret
    found: set[int] = set()
    for group in groups:
        if len(found) < count and len(found) + len(group) <= count * 3 // 2:
            found.update(group)
    return found
