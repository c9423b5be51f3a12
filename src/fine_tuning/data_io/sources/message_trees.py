"""Rows that are one message each, as OpenAssistant's tables have them, joined into the trees that they are of.

Source: https://huggingface.co/datasets/OpenAssistant/oasst2, whose rows of one tree stand together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fine_tuning.data_io.json_values import JsonObject, is_object
from fine_tuning.data_io.sources.raw_row import MAX_ROW_BYTES, RawRow, to_json_bytes

TREE, ID, PARENT, REPLIES = "message_tree_id", "message_id", "parent_id", "replies"
_MARK = b'"message_tree_id"'
_OF_TREES = (TREE, "tree_state")


class _Message(NamedTuple):
    raw: RawRow
    row: JsonObject


def with_trees(rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """The rows; of messages of one tree that follow each other, the tree, with the line of the first of them.

    A message whose parent is not among them comes as it is. Only the rows of one tree are held in memory.
    """
    group: list[_Message] = []
    size = 0
    try:
        for raw in rows:
            row = _message_of(raw)
            if group and (row is None or row[TREE] != group[0].row[TREE] or size > MAX_ROW_BYTES // 2):
                yield from _joined(group)
                group, size = [], 0
            if row is None:
                yield raw
            else:
                group.append(_Message(raw, row))
                size += len(raw.text or b"")
    except Exception:
        yield from _joined(group)  # what could be read before
        raise
    yield from _joined(group)


def _message_of(raw: RawRow) -> JsonObject | None:
    """The row, if it is one message of a tree; None for another row, or a malformed one."""
    if raw.text is None or _MARK not in raw.text:
        return None
    try:
        row: object = json.loads(raw.text)
    except (ValueError, RecursionError):
        return None
    is_message = is_object(row) and isinstance(row.get(ID), str) and isinstance(row.get(TREE), str) and "role" in row
    return row if is_object(row) and is_message else None


def _joined(group: list[_Message]) -> Iterator[RawRow]:
    """The tree of messages, and those that do not hang on it; rows that are there twice count once."""
    roots = [each for each in group if not each.row.get(PARENT)]
    if not roots or any(each.row != roots[0].row for each in roots):
        yield from (each.raw for each in group)
        return
    by_parent: dict[object, dict[str, _Message]] = {}
    for each in group:
        by_parent.setdefault(each.row.get(PARENT) or None, {}).setdefault(str(each.row[ID]), each)
    tree = {key: value for key, value in roots[0].row.items() if key in _OF_TREES}
    reached = set[str]()
    try:
        whole = to_json_bytes({**tree, "prompt": _with_replies(roots[0].row, by_parent, reached)})
    except RecursionError:  # no person answers so often
        yield from (each.raw for each in group)
        return
    yield roots[0].raw._replace(text=whole)
    yield from (each.raw for each in group if str(each.row[ID]) not in reached)


def _with_replies(row: JsonObject, by_parent: dict[object, dict[str, _Message]], reached: set[str]) -> JsonObject:
    own = str(row[ID])
    reached.add(own)
    replies = [each.row for key, each in by_parent.get(own, {}).items() if key not in reached]
    return {**row, REPLIES: [_with_replies(each, by_parent, reached) for each in replies]}
