"""Recorded calls fetched from the APIs of tracing tools, one file a tool: its name, and the pages of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.sources import MAX_ROW_BYTES, RawRow
from fine_tuning.data_io.sources.raw_row import to_json_bytes
from fine_tuning.distillation.pulls import langfuse, langsmith, phoenix
from fine_tuning.distillation.pulls.query import Query
from fine_tuning.errors import UsageError
from fine_tuning.settings import Settings

__all__ = ["TOOLS", "Query", "check_tool", "pages"]


class Tool(Protocol):
    """The interface of each tool's module."""

    NAME: str
    FORMAT: str

    def address(self, settings: Settings) -> str: ...

    def pages(self, settings: Settings, query: Query) -> Iterator[list[JsonObject]]: ...


_MODULES: tuple[Tool, ...] = (langfuse, phoenix, langsmith)
TOOLS: dict[str, Tool] = {each.NAME: each for each in _MODULES}


def check_tool(name: str) -> Tool:
    """Return a known tool.

    Raises:
        UsageError: it is unknown; the message lists the known ones.
    """
    if name not in TOOLS:
        raise UsageError(f"unknown tool {name!r}; use one of {', '.join(TOOLS)}")
    return TOOLS[name]


def pages(tool: Tool, settings: Settings, query: Query) -> Iterator[list[RawRow]]:
    """The rows of each page; the tool's address is the file, the row's position the line.

    Raises:
        ConfigurationError: a key is missing or refused.
        NotFoundError: the tool has no such project.
        ProviderError: the tool cannot be reached, or does not respond as documented.
    """
    position = 0
    for page in tool.pages(settings, query):
        rows: list[RawRow] = []
        for row in page:
            position += 1
            text = to_json_bytes(row)
            rows.append(RawRow(tool.address(settings), position, text if len(text) <= MAX_ROW_BYTES else None))
        yield rows
