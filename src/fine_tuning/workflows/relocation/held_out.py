"""A part of the training data that is kept from the new model, to test both by."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fine_tuning._util.files import atomic_write
from fine_tuning.data_io.rows import conversation_key, read_rows
from fine_tuning.errors import ConflictError

SHARE = 0.1  # of the data
LEAST = 20  # questions, of which a verdict can be made


def split(path: Path, parts: Mapping[str, Path]) -> None:
    """Write a file's rows to a file to train and one to test on; no conversation is in both.

    Args:
        parts: the files, "train" and "test".

    Raises:
        ConflictError: there are too few rows, or conversations.
    """
    rows = [row for _, row in read_rows(path)]
    count = max(LEAST, round(len(rows) * SHARE))
    if len(rows) < 2 * count:
        raise ConflictError(f"{path.name} has {len(rows)} rows, too few to keep some for a test; name a test file")
    places = draw([conversation_at(row, number) for number, row in enumerate(rows)], count)
    if len(places) < LEAST:
        raise ConflictError(f"{path.name} has too few conversations to keep some for a test; name a test file")
    for name, part in parts.items():
        here = [row for at, row in enumerate(rows) if (at in places) == (name == "test")]
        with atomic_write(part) as out:
            out.writelines(f"{json.dumps(row)}\n" for row in here)


def conversation_at(row: Mapping[str, Any], number: int) -> str:
    """What rows of one conversation share: its id, or else what the user says first."""
    said = row.get("messages")
    turns = [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []
    first = next((each.get("content") for each in turns if each.get("role") == "user"), None)
    asked = first or row.get("prompt") or row.get("instruction")
    return conversation_key(row) or (json.dumps(asked, sort_keys=True) if asked else f"row={number}")


def draw(conversations: Sequence[str], count: int) -> set[int]:
    """By chance about so many places of rows, of whole conversations; long ones, which overshoot by far, are left."""
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
