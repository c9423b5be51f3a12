"""Rate limits: requests a minute of each client, and requests at once. Above them a request is answered with 429."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from fine_tuning.server.api_errors import ApiError


class RateLimiter:
    """Counts the requests of each client in a moving window of a minute.

    Args:
        requests_per_minute: None for any number.
    """

    def __init__(self, requests_per_minute: int | None) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rate = None if requests_per_minute is None else RateLimitItemPerMinute(requests_per_minute)

    def check(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            ApiError: 429 with Retry-After, where it is one too many.
        """
        if self._rate is None or self._limiter.hit(self._rate, client):
            return
        reset = self._limiter.get_window_stats(self._rate, client).reset_time
        seconds = max(1, math.ceil(reset - time.time()))
        raise ApiError(
            429,
            f"Rate limit of {self._rate.amount} requests a minute reached; try again in {seconds} s",
            code="rate_limit_exceeded",
            headers={"Retry-After": str(seconds)},
        )


class ConcurrencyLimiter:
    """Bounds the requests that run at once."""

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent
        self._running = 0

    @property
    def count(self) -> int:
        """The requests that run now."""
        return self._running

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count a request while the block runs.

        Raises:
            ApiError: 429 with Retry-After, where it is one too many.
        """
        if self._running >= self._max_concurrent:
            raise ApiError(
                429,
                f"The server is running {self._max_concurrent} requests, which is its limit; try again",
                code="concurrency_limit",
                headers={"Retry-After": "1"},
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
