"""Rows of a query as records, and the type of a JSON column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

JsonColumn = dict[str, Any]  # a JSON column whose keys are the caller's (metadata) or another system's

Record = TypeVar("Record")


def record(kind: type[Record], row: Mapping[Any, Any]) -> Record:  # noqa: ARG001 - only its type is needed
    """A row of a query as the record that it is; the query selects what the record has."""
    return cast("Record", dict(row))


def records(kind: type[Record], rows: Iterable[Mapping[Any, Any]]) -> list[Record]:
    """As `record`, of every row."""
    return [record(kind, row) for row in rows]
