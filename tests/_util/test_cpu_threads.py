"""Threads of the CPU: what the environment says, else the cores."""

from __future__ import annotations

import pytest

from fine_tuning._util.cpu_threads import available_threads, thread_limit


@pytest.mark.parametrize(
    ("written", "limit"), [("3", 3), (" 3 ,2", 3), ("", None), ("0", None), ("-1", None), ("many", None), ("²", None)]
)
def test_thread_limit_reads_the_outermost_count(
    written: str, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", written)
    assert thread_limit() == limit
    assert available_threads() == (limit or available_threads())
    assert available_threads() >= 1
