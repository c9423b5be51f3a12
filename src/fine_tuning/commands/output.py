"""Printing for people (tables) and for programs (--json)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from math import isfinite, isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning._util.printable import printable
from fine_tuning.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

NO_WRAP_COLUMNS = {"Model", "Status", "Created", "Time", "Job", "Type", "From", "To"}  # short values, never wrapped
MAX_RICH_ROWS = 500  # longer tables are printed as plain lines
PIPE_WIDTH = 200  # columns of output to a file or pipe
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def console(*, stderr: bool = False) -> Console:
    """A console on the current standard output (or error) stream."""

    from rich.console import Console

    found = Console(highlight=False, stderr=stderr)
    return found if found.is_terminal else Console(highlight=False, stderr=stderr, width=max(found.width, PIPE_WIDTH))


def silence_logger(logger: str) -> None:
    """Hide a logger's warnings from the terminal when the command prints the same facts itself."""
    import logging

    logging.getLogger(logger).setLevel(logging.ERROR)


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line as it is, but for codes that would control the terminal; `err` for standard error."""
    typer.echo(printable(text), err=err)


def print_text(line: str) -> None:
    """Print a line of text: wrapped at words in a terminal, unwrapped in a file or pipe."""
    stream = console()
    stream.print(printable(line), markup=False, soft_wrap=not stream.is_terminal)


def print_json(value: Any) -> None:
    """Print indented JSON; unknown values are null."""
    echo(json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, header: bool = True) -> None:
    """Print a table; columns whose name ends in "#" are right-aligned numbers. Only text columns may be folded.

    If that is still too wide for the terminal, each row is printed as a separate table, so that nothing is cut off.
    """
    from rich import box
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    if len(rows) > MAX_RICH_ROWS:
        _print_many(title, columns, rows)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=header)
    for column in columns:
        is_number = column.endswith("#")
        table.add_column(
            column.removesuffix("#"),
            justify="right" if is_number else "left",
            no_wrap=is_number or column in NO_WRAP_COLUMNS,
            overflow="fold",
            min_width=min(len(column), 12),
        )
    cells = [[_cell(cell) for cell in row] for row in rows]
    for row in cells:
        table.add_row(*map(Text, row))
    stream = console()
    unbounded = stream.options.update(max_width=sum(map(len, chain.from_iterable(cells))) + stream.width)
    if header and Measurement.get(stream, unbounded, table).minimum > stream.width:
        names = [column.removesuffix("#") for column in columns]
        for row in cells:
            print_facts(title, dict(zip(names, row, strict=True)))
    else:
        stream.print(
            Text(printable(title), "bold"), soft_wrap=not stream.is_terminal
        )  # the title of a Table would be cut to fit
        stream.print(table)


def _print_many(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table as plain lines: the library takes seconds to lay out ten thousand rows."""
    names = [column.removesuffix("#") for column in columns]
    cells = [names, *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numbers = [column.endswith("#") for column in columns]
    echo(title)
    for row in cells:
        shown = (
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numbers, strict=True)
        )
        echo("  ".join(shown).rstrip())


def _cell(value: Any) -> str:
    return "-" if value is None else printable(str(value))


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Print names and values, one per line."""
    print_table(title, ["", ""], facts.items(), header=False)


@contextmanager
def count_progress(description: str) -> Iterator[Callable[[int], None]]:
    """Show a running count on the terminal while the block runs.

    Yields `on_progress`, to be called with the number of items done since the last call.
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    stream = console(stderr=True)
    if not stream.is_terminal:  # where it would end with an empty line
        yield lambda _: None
        return
    counted = TextColumn("{task.description}: {task.completed:,.0f}", markup=False)
    columns = (SpinnerColumn(), counted, TimeElapsedColumn())
    with Progress(*columns, console=stream, transient=True) as progress:
        task = progress.add_task(printable(description), total=None)
        yield lambda count: progress.advance(task, count)


@contextmanager
def message_progress() -> Iterator[Callable[[str], None]]:
    """Show the current step on the terminal while the block runs; yields `on_message`, to be called with each step."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    stream = console(stderr=True)
    if not stream.is_terminal:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=stream, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda message: progress.update(task, description=printable(message))


def key_values(name: str, options: Sequence[str]) -> dict[str, str]:
    """Parse the KEY=VALUE pairs of a repeatable option.

    Raises:
        UsageError: one has no =, or two have the same key.
    """
    if wrong := [option for option in options if "=" not in option]:
        raise UsageError(f"{name} takes KEY=VALUE, not {wrong[0]!r}")
    pairs = [option.split("=", 1) for option in options]
    names = [key for key, _ in pairs]
    if twice := [key for key in names if names.count(key) > 1]:
        raise UsageError(f"{name} names {twice[0]} twice")
    return dict(pairs)


def moment(name: str, text: str | None) -> datetime | None:
    """Parse an option that is a time.

    Raises:
        UsageError: it is none.
    """
    from fine_tuning.data_io.times import parse_time

    if text is None:
        return None
    found = parse_time(text)
    if found is None:
        raise UsageError(f"{name}: {text!r} is no time; write one such as 2026-11-29 or 2026-11-29T08:00:00Z")
    return found


def short(text: str | None, most: int) -> str:
    """A text on one line, truncated to so many characters."""
    line = " ".join((text or "").split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def counts(numbers: Mapping[str, int]) -> str:
    """Names and numbers as one line."""
    return ", ".join(f"{name}: {number}" for name, number in numbers.items())


def percent(value: float | None) -> str:
    """Format a rate as "95.0 %", or "unknown"."""
    return "unknown" if value is None or isnan(value) else f"{value:.1%}".replace("%", " %")


def usd(value: float | None) -> str:
    """Format US dollars, with more digits for small amounts, or "unknown"."""
    if value is None or isnan(value):
        return "unknown"
    return f"${value:,.2f}" if value == 0 or abs(value) >= 1 else f"${value:.3g}"


def number(value: float | None, unit: str = "", digits: int = 1) -> str:
    """Format a number with its unit, or "unknown", or "never" (infinite)."""
    if value is None or isnan(value):
        return "unknown"
    return f"{value:,.{digits}f}{' ' + unit if unit else ''}" if isfinite(value) else "never"


def days_left(days: int | None) -> str:
    """Days until a base model is shut down; "retired" afterwards, "-" where no shutdown is announced."""
    from fine_tuning.registry.expiry import is_retired

    return "-" if days is None else "retired" if is_retired(days) else str(days)


def utc(moment: str | None) -> str:
    """Format an ISO 8601 time as "2026-11-23 13:45" (UTC)."""
    return "-" if moment is None else moment[:16].replace("T", " ")  # minutes are enough to tell records apart
