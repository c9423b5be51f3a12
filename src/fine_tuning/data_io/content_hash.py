"""The hash that identifies the content of a dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from fine_tuning.data_io.json_values import Row


class ContentHash:
    """The SHA-256 of rows' canonical JSON, in order: equal rows have an equal hash on any machine."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, row: Row) -> None:
        """Add the next row."""
        canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
        self._digest.update(canonical.encode("utf-8", "surrogatepass") + b"\n")

    def add_lines(self, lines: bytes) -> None:
        """Add rows that are canonical JSON already, each with a line break at its end."""
        self._digest.update(lines)

    def text(self) -> str:
        """`sha256:` and the hash of the rows added so far."""
        return f"sha256:{self._digest.hexdigest()}"


def content_hash(rows: Iterable[Row]) -> str:
    """The `ContentHash` of all rows."""
    digest = ContentHash()
    for row in rows:
        digest.add(row)
    return digest.text()
