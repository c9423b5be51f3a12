"""The review inbox: captured calls that wait for a review, with shortcuts for every action."""

from __future__ import annotations

from asyncio import Lock, to_thread
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar, TypeVar

from nicegui import events, ui

from fine_tuning._util import checks
from fine_tuning.dashboard import components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, notify, session, state
from fine_tuning.data_io.messages import Message, messages_of_example
from fine_tuning.distillation.review_inbox import Agreement, Filters, ReviewInbox
from fine_tuning.errors import UsageError
from fine_tuning.store.records.examples import Example
from fine_tuning.workflows import review_quality

PAGE = 20
Value = TypeVar("Value", int, str)
RATINGS = ("1", "2", "3", "4", "5")
SHORTCUTS = "1 to 5 rate · j next · k previous · e correct the answer · u undo the last review"


@ui.page("/review")
async def show() -> None:
    """Show the review page."""
    with layout.page("Review"):
        client = ui.context.client
        await client.connected()  # the tab has an id from then on, which it keeps when it is reloaded
        if client.is_deleted:  # the browser never connected
            return
        inbox = _Inbox(f"{session().name[:100]} {client.tab_id}"[:200])
        client.on_delete(inbox.leave)
        await inbox.load()


class _Inbox:
    """The inbox in one browser tab.

    Args:
        seat: names the tab; it claims calls for itself, since a reviewer may have several tabs.
    """

    _open_pages: ClassVar[Counter[str]] = Counter()  # a tab that is reloaded has two pages for some seconds

    def __init__(self, seat: str) -> None:
        self._seat = seat
        self._open_pages[seat] += 1
        self._filters = Filters()
        self._rows: list[Example] = []
        self._reasons: dict[str, str] = {}
        self._at = 0
        self._turn = Lock()  # one action at a time, so that the call that is rated is the one that was shown
        self._editor: ui.textarea | None = None
        self._may_write = not session().read_only
        self._reviewer, self._database = session().name, state().workspace.database
        self._inbox = ReviewInbox(self._reviewer, seat=seat, database=self._database)
        with ui.element("div").classes("bar"):
            self._domain = ui.select({"": "all domains"}, value="", label="Domain", on_change=self._choose)
            self._model = ui.select({"": "all models"}, value="", label="Model", on_change=self._choose)
            self._since = ui.input("From day", placeholder="2026-01-31").on("change", self._filter)
            self._until = ui.input("Before day", placeholder="2026-02-28").on("change", self._filter)
            self._second = ui.switch("Second opinions", on_change=self._switch)
        components.text(SHORTCUTS).classes("dim")
        self._count = components.text("").props('role="status"')
        self._quality = ui.element("section").props('aria-label="Quality"')
        self._list = ui.element("div").props("tabindex=-1")
        self._agreement = ui.element("div")
        if self._may_write:
            ui.keyboard(on_key=self._key, ignore=["input", "textarea", "select"])

    async def load(self) -> None:
        """Claim the next calls and show them."""
        async with self._turn:
            await self._load()

    async def _load(self, first: str | None = None) -> None:
        """As `load`, and start with one of the calls."""
        if self._may_write:
            found = await act(self._inbox.take, self._filters, PAGE)
        else:
            found = await to_thread(self._inbox.peek, self._filters, PAGE)
        self._rows = [] if found is FAILED else found
        self._reasons = await to_thread(self._inbox.reasons, self._rows)
        self._at = next((place for place, row in enumerate(self._rows) if row["id"] == first), 0)
        self._draw()
        choices = await to_thread(self._inbox.choices)
        self._domain.set_options({"": "all domains", **{each: each for each in choices["domain"]}})
        self._model.set_options({"": "all models", **{each: each for each in choices["model"]}})
        await self._show_counts()
        await self._show_quality()

    def leave(self) -> None:
        """Release the claimed calls."""
        self._open_pages[self._seat] -= 1
        if self._open_pages[self._seat] > 0:
            return
        del self._open_pages[self._seat]
        if self._may_write:
            self._inbox.leave()

    async def _show_counts(self) -> None:
        waiting = await to_thread(self._inbox.count, self._filters)
        components.set_text(self._count, f"{waiting:,} waiting" if waiting else "no calls waiting")
        agreement = await to_thread(self._inbox.agreement)
        self._agreement.clear()
        with self._agreement:
            _show_agreement(agreement)

    async def _show_quality(self) -> None:
        found = await to_thread(review_quality.quality, self._database, self._filters)
        self._quality.clear()
        with self._quality:
            for line in review_quality.lines_of(found):
                components.text(line).classes("dim")

    async def _choose(self) -> None:
        await self._filter()
        ui.run_javascript(f"getHtmlElement({self._list.id}).focus()")  # so that shortcuts act on the calls

    async def _filter(self) -> None:
        try:
            since, until = (_day(each.value) for each in (self._since, self._until))
        except UsageError as error:
            notify(str(error), is_error=True)
            return
        self._filters = Filters(self._domain.value or None, self._model.value or None, since, until)
        await self.load()

    async def _switch(self, event: events.ValueChangeEventArguments[bool | None]) -> None:
        self._inbox = ReviewInbox(
            self._reviewer, second_opinions=bool(event.value), seat=self._seat, database=self._database
        )
        await self.load()

    def _draw(self) -> None:
        self._editor = None
        self._set_filters_enabled(enabled=True)
        self._list.clear()
        with self._list:
            if not self._rows:
                components.empty("No captured calls are waiting for review.", "ft-cli capture import FILE")
            for place, row in enumerate(self._rows):
                if place == self._at:
                    self._card(row)
                elif place > self._at:
                    components.text(f"{_short(row['prompt'])} · {self._reasons[row['id']]}").classes("dim")

    def _card(self, row: Example) -> None:
        with ui.element("article").classes("card current").props('aria-label="Call to rate"'):
            where = f"{row['domain']} · {row['model_used']} · {formatting.minute(row['captured_at'])}"
            components.text(where).classes("dim")
            components.text(f"Why this one: {self._reasons[row['id']]}").classes("dim")
            for message in messages_of_example(row)[:-1]:  # the last one is the answer
                components.text(str(message.get("role")), "strong")
                components.text(_content(message), "pre")
            components.text("answer", "strong")
            components.text(row["response"], "pre").classes("answer")
            with ui.element("div").classes("bar").props('role="group" aria-label="Rating"'):
                for rating in RATINGS:
                    button = components.button(rating, partial(self._press, rating, row), changes=True)
                    button.props(f'aria-label="Rate {rating} of 5"')
                components.button("Correct the answer", partial(self._press, "e", row), changes=True)
                components.button("Undo", partial(self._press, "u", row), changes=True)

    async def _review(self, review: Callable[[str, Value], object], value: Value) -> None:
        row = self._shown()
        if row is None:
            return
        if await act(review, row["id"], value) is FAILED and await to_thread(self._inbox.holds, row["id"]):
            return  # it can be tried again; a call that another reviewer has taken is removed
        del self._rows[self._at]
        self._at = min(self._at, max(0, len(self._rows) - 1))
        if self._rows:
            self._draw()
            await self._show_counts()
        else:
            await self._load()

    def _edit(self) -> None:
        row = self._shown()
        if self._editor is not None or row is None:
            return
        self._set_filters_enabled(enabled=False)  # changing them would close the correction
        with self._list:
            card = ui.element("div").classes("card").props('role="form" aria-label="Correction"')
            card.move(target_index=1)
            with card:
                self._editor = editor = (
                    ui.textarea("Corrected answer", value=row["response"])
                    .props("autofocus autogrow")
                    .on("keydown.escape", self._draw)
                )
                with ui.element("div").classes("bar"):
                    components.button("Save the correction", lambda: self._save(row, editor.value), main=True)
                    components.button("Cancel", self._draw)

    def _set_filters_enabled(self, *, enabled: bool) -> None:
        for control in (self._domain, self._model, self._since, self._until, self._second):
            control.set_enabled(enabled)

    async def _save(self, row: Example, answer: str) -> None:
        async with self._turn:
            if row is self._shown():
                await self._review(self._inbox.correct, answer)

    async def _undo(self) -> None:
        found = await act(self._inbox.undo)
        if found is FAILED:
            return
        notify("nothing to undo" if found is None else "review undone")
        await self._load(found)

    async def _key(self, event: events.KeyEventArguments) -> None:
        modifiers = event.modifiers
        if not event.action.keydown or event.action.repeat or modifiers.ctrl or modifiers.meta or modifiers.alt:
            return
        await self._press(event.key.name)

    async def _press(self, key: str, row: Example | None = None) -> None:
        """Act on a key, or on a button of a call that is still shown: a double click must not rate the next call."""
        async with self._turn:
            if row is None or row is self._shown():
                await self._act_on(key)

    def _shown(self) -> Example | None:
        return self._rows[self._at] if self._rows else None

    async def _act_on(self, key: str) -> None:
        if self._editor is not None:  # keep what is being written
            if key in {*RATINGS, *"jkeu"}:
                notify("save or cancel the correction first")
            return
        if key in RATINGS:
            await self._review(self._inbox.rate, int(key))
        elif key in {"j", "k"} and self._rows:
            self._at = max(0, min(len(self._rows) - 1, self._at + (1 if key == "j" else -1)))
            self._draw()
        elif key == "e":
            self._edit()
        elif key == "u":
            await self._undo()


def _show_agreement(found: Agreement) -> None:
    components.heading("Reviewers")
    if not found.reviewers:
        components.text("No reviews yet.").classes("dim")
        return
    components.table("Reviews by reviewer", ["Reviewer", "Reviews"], list(found.reviewers.items()))
    if found.same is None:
        components.text("Agreement is shown once calls have second opinions.").classes("dim")
    else:
        agreement = f"Krippendorff's alpha {formatting.shown(found.alpha)} (1: perfect, 0: chance)."
        components.text(f"Calls with several reviewers: {found.items:,}; equal ratings: {found.same:.0%}; {agreement}")


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(checks.day("day", text)).replace(tzinfo=UTC) if text else None


def _content(message: Message) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else str(content or message.get("tool_calls") or "")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
