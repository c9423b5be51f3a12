"""Tracing tools whose lists have no end, and whose pages are none: one line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from fine_tuning.distillation import pulls
from fine_tuning.errors import ProviderError
from fine_tuning.settings import get_settings
from tests.security.lying_host import LyingHost, Reply, as_json, lying_host

RUNS, SPANS, OBSERVATIONS = "/runs/query", "/v1/projects/default/spans", "/api/public/observations"
NOTHING = {"data": [], "meta": {}}


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingHost]:
    with lying_host() as found:
        address = found.url.removesuffix("/v1")
        for name in ("LANGFUSE_HOST", "PHOENIX_COLLECTOR_ENDPOINT", "LANGSMITH_ENDPOINT"):
            monkeypatch.setenv(name, address)
        for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGSMITH_API_KEY"):
            monkeypatch.setenv(name, "key")
        found.replies |= {
            "/sessions": lambda _: as_json([{"id": "p", "name": "default"}]),
            **{f"/api/public{each}": lambda _: as_json(NOTHING) for each in ("/v2/scores", "/traces")},
        }
        yield found


def pull(name: str) -> list[Any]:
    return list(pulls.pages(pulls.check_tool(name), get_settings(), pulls.Query()))


CYCLES = {
    "langfuse": (OBSERVATIONS, lambda number: {"data": [{"id": "a"}], "meta": {"totalPages": 10**9}}),
    "phoenix": (SPANS, lambda number: {"data": [{"id": "a"}], "next_cursor": "ab"[number % 2]}),
    "langsmith": (RUNS, lambda number: {"runs": [{"id": "a"}], "cursors": {"next": "ab"[number % 2]}}),
}


@pytest.mark.parametrize("name", CYCLES)
def test_pages_that_go_in_a_circle_are_one_line(tool: LyingHost, name: str) -> None:
    path, page = CYCLES[name]
    numbers = itertools.count()
    tool.replies[path.removeprefix("/v1")] = lambda _: as_json(page(next(numbers)))
    with pytest.raises(ProviderError, match="sends a page again"):
        pull(name)


@pytest.mark.parametrize(
    "reply", [Reply([b'{"data":']), Reply([b"\xff"]), Reply([b"[" * 200_000]), as_json({"data": 5}), as_json(None)]
)
@pytest.mark.parametrize("name", CYCLES)
def test_page_that_is_none_is_one_line(tool: LyingHost, name: str, reply: Reply) -> None:
    tool.replies[CYCLES[name][0].removeprefix("/v1")] = lambda _: reply
    with pytest.raises(ProviderError):
        pull(name)


def test_endless_page_is_one_line(tool: LyingHost) -> None:
    tool.replies[OBSERVATIONS] = lambda _: Reply(itertools.repeat(b" " * (1 << 20)))
    with pytest.raises(ProviderError, match="more than 256 MiB"):
        pull("langfuse")
