"""Components of pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from inspect import isawaitable
from typing import Any
from urllib.parse import quote

from nicegui import ui

from fine_tuning.dashboard.actions import session
from fine_tuning.dashboard.formatting import NONE, shown

MAX_PAGE = 10**6
FIRST_CLICK = "(event) => { if (!(event.detail > 1)) emit(); }"  # 2 is the second one of a double click


def heading(content: str, level: int = 2) -> None:
    """A heading."""
    text(content, f"h{level}")


def text(content: str, kind: str = "p") -> ui.element:
    """A paragraph, or another element that contains only text; HTML in it is escaped."""
    element = ui.element(kind)
    element._text = content
    return element


def button(label: str, on_click: Callable[[], Any], *, main: bool = False, changes: bool = False) -> ui.button:
    """A button; one that changes something is disabled for read-only keys.

    A double click counts as one, and clicks are ignored while the handler runs.
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
        made.tooltip("this key is read-only")
    return made


def empty(message: str, next_step: str) -> None:
    """A placeholder where there is no data yet, with the next step as code."""
    with ui.element("div").classes("empty"):
        text(message)
        text(next_step, "code")


def set_text(element: ui.element, content: str) -> None:
    """Change the text of an element; nothing is sent where it is the same."""
    if element._text != content:
        element._text = content
        element.update()


class Facts:
    """Names and values that change, such as those of a job; only changed values are sent."""

    def __init__(self, names: Sequence[str]) -> None:
        self._values = {}
        with ui.element("dl").classes("facts"):
            for name in names:
                text(name, "dt")
                self._values[name] = text(NONE, "dd")

    def show(self, values: Mapping[str, object]) -> None:
        """Show the current values."""
        for name, value in values.items():
            set_text(self._values[name], shown(value))


def facts(rows: Mapping[str, object]) -> None:
    """Names and values."""
    Facts(list(rows)).show(rows)


def table(label: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; a pair of text and path is a link, numbers are right-aligned."""
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


def _cell(value: object, kind: str) -> None:
    if isinstance(value, tuple):
        with ui.element("td"):
            ui.link(*value)
        return
    text(shown(value), "td").classes(kind)


def _kind(column: Sequence[object]) -> str:
    """The CSS class of a column: numbers and amounts are right-aligned, times are not wrapped."""
    known = [value for value in column if value is not None and value != NONE]
    if known and all(isinstance(value, datetime) for value in known):
        return "time"
    return "number" if known and all(_is_number(value) for value in known) else ""


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value.startswith("$")
    return isinstance(value, int | float) and not isinstance(value, bool)


def _attribute(content: str) -> str:
    return content.replace("\\", "").replace('"', "'").replace("\n", " ")


def page_number(query: str) -> int:
    """The page number of a query string; 1 where it is invalid."""
    return min(max(int(query), 1), MAX_PAGE) if query.isascii() and query.isdigit() else 1


def pages(count: int, page: int, size: int, path: str) -> None:
    """Links to the previous and next page of a long table."""
    last = max(1, -(-count // size))
    page = min(page, last + 1)
    with ui.element("nav").classes("bar").props('aria-label="Pages of the table"'):
        if page > 1:
            ui.link("Newer", f"{path}{page - 1}")
        where = f"page {page:,} of {last:,}, {count:,} in total"
        text(where, "span").classes("dim")
        if page < last:
            ui.link("Older", f"{path}{page + 1}")


def path(*parts: str) -> str:
    """A path of quoted parts."""
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])
