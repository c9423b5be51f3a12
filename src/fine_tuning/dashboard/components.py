"""The parts that pages are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from inspect import isawaitable
from typing import Any
from urllib.parse import quote

from nicegui import ui

from fine_tuning.dashboard.actions import session
from fine_tuning.dashboard.formatting import NONE, shown

FURTHEST = 10**6  # page of a table
FIRST_CLICK = "(event) => { if (!(event.detail > 1)) emit(); }"  # 2 is the second one of a double click


def heading_of(said: str, level: int = 2) -> None:
    """A heading."""
    text(said, f"h{level}")


def text(said: str, kind: str = "p") -> ui.element:
    """A paragraph, or another element that has nothing but text; whatever is in it is shown as it is."""
    element = ui.element(kind)
    element._text = said
    return element


def button(label: str, on_click: Callable[[], Any], *, main: bool = False, changes: bool = False) -> ui.button:
    """A button; one that changes something is off for whoever may only read.

    A double click is one click, and one that comes while the last one is still at work is none.
    """
    made = ui.button(label, color=None).props("no-caps unelevated" if main else "no-caps outline")
    is_busy = False

    async def once() -> None:
        nonlocal is_busy
        if is_busy:
            return
        is_busy = True
        try:
            result = on_click()
            if isawaitable(result):
                await result
        finally:
            is_busy = False

    made.on("click", once, js_handler=FIRST_CLICK)
    if changes and session().read_only:
        made.disable()
        made.tooltip("this key may only read")
    return made


def empty(what: str, next_step: str) -> None:
    """Where there is nothing yet: what would be here, and what to do for it."""
    with ui.element("div").classes("empty"):
        text(what)
        text(next_step, "code")


def say(element: ui.element, said: str) -> None:
    """Give an element another text, if it is another."""
    if element._text != said:
        element._text = said
        element.update()


class Facts:
    """Names and values that change, such as those of one job; only values that are others are sent."""

    def __init__(self, names: Sequence[str]) -> None:
        self._values = {}
        with ui.element("dl").classes("facts"):
            for name in names:
                text(name, "dt")
                self._values[name] = text(NONE, "dd")

    def show(self, values: Mapping[str, Any]) -> None:
        """The values now."""
        for name, value in values.items():
            say(self._values[name], shown(value))


def facts(rows: Mapping[str, Any]) -> None:
    """Names and values."""
    Facts(list(rows)).show(rows)


def table(label: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table; a value that is a pair of a text and a path is a link, numbers are set flush right."""
    box = ui.element("div").classes("scroll").props(f'role="region" tabindex="0" aria-label="{_attribute(label)}"')
    kinds = [_kind([row[place] for row in rows]) for place in range(len(columns))]
    with box, ui.element("table"):
        with ui.element("thead"), ui.element("tr"):
            for column, kind in zip(columns, kinds, strict=True):
                text(column, "th").props('scope="col"').classes(kind)
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    for value, kind in zip(row, kinds, strict=True):
                        _cell(value, kind)


def _cell(value: Any, kind: str) -> None:
    if isinstance(value, tuple):
        with ui.element("td"):
            ui.link(*value)
        return
    text(shown(value), "td").classes(kind)


def _kind(column: Sequence[Any]) -> str:
    """The class of a column's cells: numbers and amounts are set flush right, times are not broken."""
    known = [value for value in column if value is not None and value != NONE]
    if known and all(isinstance(value, datetime) for value in known):
        return "time"
    return "number" if known and all(_is_number(value) for value in known) else ""


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.startswith("$")
    return isinstance(value, int | float) and not isinstance(value, bool)


def _attribute(said: str) -> str:
    return said.replace("\\", "").replace('"', "'").replace("\n", " ")


def page_of(said: str) -> int:
    """The number of a page as an address has it; the first where it is none."""
    return min(max(int(said), 1), FURTHEST) if said.isascii() and said.isdigit() else 1


def pages(count: int, page: int, size: int, path: str) -> None:
    """Links to the pages before and after one of a long table."""
    last = max(1, -(-count // size))
    page = min(page, last + 1)
    with ui.element("nav").classes("bar").props('aria-label="Pages of the table"'):
        if page > 1:
            ui.link("Newer", f"{path}{page - 1}")
        where = f"page {page:,} of {last:,}, {count:,} in all"
        text(where, "span").classes("dim")
        if page < last:
            ui.link("Older", f"{path}{page + 1}")


def path(*parts: str) -> str:
    """An address whose last part may have any characters."""
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])
