"""A row as text, before its format is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from fine_tuning.errors import DataError

WRONG_CELLS = "<wrong cells>"
"""The key under which a row of CSV that does not fit its columns says why; its cells are under `CELLS`."""
CELLS = "<cells>"
REFUSED = "<refused>"
"""The key under which a part of a row that cannot be learnt from says why: the code of the finding, and its message."""
PART_OF = "<part of>"
"""The key under which a part of a row has the row's format, and the names of what else was left out of the row."""
MAX_ROW_BYTES = 16 << 20  # longer than the context of any model


class RawRow(NamedTuple):
    """A row as its file has it.

    Attributes:
        line: the line that it starts on, or its position in an array or table; counted from 1.
        text: JSON, in the file's own bytes; None if it is longer than `MAX_ROW_BYTES`.
        assumed: the encoding, and the dialect of CSV, that its file was taken to have; None where they are sure.
    """

    file: str
    line: int
    text: bytes | None
    assumed: str | None = None


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse columns of one name, of which a row could keep the last only.

    Raises:
        DataError: two have one name; the message begins with `where`.
    """
    if len(set(names)) < len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise DataError(f"{where}: two columns are named {twice!r}; rename one")


def to_json_bytes(value: object) -> bytes:
    """A value as JSON; values that are not JSON become text."""
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")


def cells_to_json_bytes(cells: dict[str, object]) -> bytes:
    """As `to_json_bytes`, of text that was decoded with bytes that are not UTF-8, which stay (surrogateescape)."""
    return json.dumps(cells, ensure_ascii=False).encode("utf-8", "surrogateescape")
