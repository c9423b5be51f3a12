"""Secrets in a column of a table that is written as text: CSV, tab-separated values, Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise, takewhile

from fine_tuning.datasets.privacy.secret_names import kind_of
from fine_tuning.datasets.privacy.secret_values import is_secret_text

Place = tuple[int, int, str]
_LINE = re.compile(r"[^\r\n]+")
_HEADING = re.compile(r"[\s*_`\"|]*[^\W\d][\w.-]*(?: [\w.-]+){0,2}[\s*_`\"|]*")
# Nothing is given back: quotes can be cut into texts in too many ways.
_TEXTS = r"(?>(?:'[^'\n]*'|[^()'])*)"
_INSERT = re.compile(
    r"\binsert\s+(?:ignore\s+)?into\s+[^\s()]{1,100}\s*\((?P<columns>[\w\s,`\"]{3,500})\)\s*values\s*"
    rf"(?P<rows>(?:\({_TEXTS}\)[\s,]*)+)",
    re.IGNORECASE,
)
_ROW = re.compile(rf"\((?P<row>{_TEXTS})\)")
_AROUND = " \t*`\"'"
_CELLS = {
    delimiter: re.compile(
        rf'(?P<cell>\s*"[^"]*(?:""[^"]*)*"\s*|\s*\'[^\'\n]*(?:\'\'[^\'\n]*)*\'\s*(?={re.escape(delimiter)}|$)|[^{re.escape(delimiter)}]*)'
        rf"(?:{re.escape(delimiter)}|$)"
    )
    for delimiter in "|,;\t"
}
Cell = tuple[int, int]  # where it begins and ends


def find(text: str) -> Iterator[Place]:
    """Start, end and kind of each secret below a heading that names it, or in a column of an SQL statement."""
    for statement in _INSERT.finditer(text):
        columns = [kind_of(name.strip(_AROUND)) for name in statement["columns"].split(",")]
        if any(columns):
            rows = (match.span("row") for match in _ROW.finditer(text, *statement.span("rows")))
            yield from _in_columns(text, rows, ",", columns)
    lines = [match.span() for match in _LINE.finditer(text)]
    for number, (heading, _) in enumerate(pairwise(lines)):
        for delimiter in _CELLS:
            columns = _columns(text, heading, delimiter)
            if columns:
                yield from _in_columns(text, lines[number + 1 :], delimiter, columns)
                break


def _columns(text: str, heading: Cell, delimiter: str) -> list[str | None]:
    """The kind of secret that each column holds; empty where the line is no heading with one."""
    if text.count(delimiter, *heading) == 0:
        return []
    if delimiter != "|" and text[slice(*heading)].rstrip().endswith(delimiter):
        return []  # arguments of a call, a line each
    names = [text[start:end] for start, end in _cells(text, heading, delimiter)]
    names = [name.rpartition(": ")[2] for name in names[:1]] + names[1:]  # `Here is the list: name,password`
    if not all(_HEADING.fullmatch(name) for name in names if name.strip()):
        return []
    kinds = [kind_of(name.strip(_AROUND)) for name in names]
    return kinds if any(kinds) else []


def _cells(text: str, line: Cell, delimiter: str) -> list[Cell]:
    return [match.span("cell") for match in _CELLS[delimiter].finditer(text, *line) if match.end() > match.start()]


def _in_columns(text: str, lines: Iterable[Cell], delimiter: str, columns: list[str | None]) -> Iterator[Place]:
    rows = (_cells(text, line, delimiter) for line in lines)
    for cells in takewhile(lambda row: len(row) == len(columns), rows):
        for (start, end), kind in zip(cells, columns, strict=True):
            value = text[start:end].strip(_AROUND)
            if kind and is_secret_text(value, kind):
                at = text.index(value, start)
                yield at, at + len(value), kind
