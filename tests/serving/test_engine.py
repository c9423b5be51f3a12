from __future__ import annotations

import threading
import time

import pytest

from fine_tuning.serving.engine import in_order


def test_in_order_keeps_the_order() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return number * number

    assert list(in_order(slow_first, range(50), 4)) == [number * number for number in range(50)]
    assert list(in_order(slow_first, [], 4)) == []


def test_in_order_runs_concurrently() -> None:
    together = threading.Barrier(4, timeout=5)
    assert sorted(in_order(lambda _: together.wait(), range(4), 4)) == [0, 1, 2, 3]


def test_in_order_failure_is_raised_in_place_and_cancels_the_rest() -> None:
    called: list[int] = []

    def fail_at_three(number: int) -> int:
        called.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    results = in_order(fail_at_three, range(1000), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(called) < 50


def test_in_order_closed_early_starts_no_more_calls() -> None:
    called: list[int] = []
    results = in_order(called.append, range(1000), 2)
    next(results)
    results.close()
    assert len(called) < 50
