"""What every page has: its frame, and the parts that pages are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import isfinite
from typing import Any
from urllib.parse import quote

from nicegui import ui

from fine_tuning.dashboard.acting import session, session_now
from fine_tuning.dashboard.gate import PAGES

NONE = "-"
SESSION_SECONDS = 5.0  # after which a page whose key was revoked is left
FURTHEST = 10**6  # page of a table
THEME = "ft_theme"  # the cookie that remembers light or dark


@contextmanager
def page(title: str, heading: str | None = None) -> Iterator[None]:
    """The frame of a page: navigation, theme, session, and a main part that the block fills."""
    request = ui.context.client.request
    ui.page_title(f"{heading or title} - fine-tuning")
    ui.add_head_html('<link rel="stylesheet" href="/dashboard.css">')
    ui.dark_mode({"dark": True, "light": False}.get(request.cookies.get(THEME, "")) if request is not None else None)
    who = session()
    with ui.element("header").classes("top"):
        with ui.element("nav").props('aria-label="Pages"'):
            for name, path in PAGES.items():
                link = ui.link(name, path).classes("page-link")
                if name == title:
                    link.props('aria-current="page"')
        with ui.element("div").classes("who"):
            ui.label(f"{who.name}{' (read only)' if who.read_only else ''}").classes("name")
            button("Light / dark", _switch_theme)
            if not who.is_guest:
                with ui.element("form").props('method="post" action="/sign-out"'):
                    text("Sign out", "button").props("type=submit").classes("plain")
    if not who.is_guest:
        ui.timer(SESSION_SECONDS, session_now, immediate=False)
    with ui.element("div").classes("main"):
        heading_of(heading or title, 1)
        yield


def _switch_theme() -> None:
    """To the other one of what is seen, which the browser knows; it is remembered there."""
    ui.run_javascript(
        "const other = document.body.classList.contains('body--dark') ? 'light' : 'dark';"
        f"document.cookie = `{THEME}=${{other}}; Path=/; Max-Age=31536000; SameSite=Strict`; location.reload()"
    )


def heading_of(said: str, level: int = 2) -> None:
    """A heading."""
    text(said, f"h{level}")


def text(said: str, kind: str = "p") -> ui.element:
    """A paragraph, or another element that has nothing but text; whatever is in it is shown as it is."""
    element = ui.element(kind)
    element._text = said
    return element


def button(label: str, on_click: Callable[[], Any], *, main: bool = False, changes: bool = False) -> ui.button:
    """A button; one that changes something is off for whoever may only read."""
    made = ui.button(label, on_click=on_click, color=None).props("no-caps unelevated" if main else "no-caps outline")
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


def shown(value: Any) -> str:
    """A value as people read it; what is unknown is a dash."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list | dict) and not value:
        return NONE
    return str(value)


def minute(moment: str) -> str:
    """A time in ISO 8601, as far as people want to know it."""
    return moment[:16].replace("T", " ")


def usd(value: float | None) -> str:
    """US dollars; cents where that is enough."""
    if value is None or not isfinite(value):
        return NONE
    return f"${value:,.2f}" if value == 0 or abs(value) >= 0.01 else f"${value:.2g}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None or not isfinite(seconds):
        return NONE
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


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
