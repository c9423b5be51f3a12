"""Pages that nobody looks at are dropped, and do not keep those out that somebody opens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from playwright.sync_api import expect

from fine_tuning.dashboard.waiting_pages import MAX_OPENING, MAX_WAITING, OPENING_SECONDS, abandoned, waiting
from tests.dashboard.conftest import Open
from tests.dashboard.test_safety import status


@dataclass
class Opened:
    created: float
    environ: object | None = None


def test_oldest_pages_without_a_socket_are_abandoned() -> None:
    pages = [Opened(float(at)) for at in range(MAX_WAITING + 5)]
    connected = [Opened(0.0, {"a": 1}) for _ in range(50)]
    now = MAX_WAITING + OPENING_SECONDS + 10
    assert abandoned([*connected, *pages], now) == pages[:5]
    assert waiting([*connected, *pages]) == pages


def test_pages_on_their_way_are_kept() -> None:
    pages = [Opened(100.0) for _ in range(MAX_OPENING)]
    assert abandoned(pages, 100.0 + OPENING_SECONDS / 2) == []
    assert len(abandoned(pages, 100.0 + OPENING_SECONDS)) == MAX_OPENING - MAX_WAITING


def test_many_pages_that_nobody_looks_at_leave_room_for_one_that_is_opened(address: str, open_page: Open) -> None:
    statuses = Counter[int]()
    for _ in range(2 * MAX_OPENING):
        statuses[status(f"{address}/costs")] += 1
    assert set(statuses) <= {200, 503}
    assert statuses[200] >= MAX_OPENING - 5
    page = open_page(f"{address}/sign-in")
    page.wait_for_timeout(OPENING_SECONDS * 1000 + 100)
    page = open_page(f"{address}/costs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Costs")
