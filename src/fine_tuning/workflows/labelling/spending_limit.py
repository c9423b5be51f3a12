"""What calls may cost together: each reserves what it may cost at most before it is sent."""

from __future__ import annotations

import threading
from math import inf, nan


class SpendingLimit:
    """A limit on what calls cost. Safe to use from several threads.

    Args:
        usd: US dollars; None for no limit.
        spent: what earlier calls have cost, or may have.
    """

    def __init__(self, usd: float | None, spent: float = 0.0) -> None:
        self._limit = inf if usd is None else usd
        self._spent, self._reserved, self._is_known = spent, 0.0, True
        self._changed = threading.Condition()

    @property
    def spent(self) -> float:
        """US dollars that calls have cost, or may have; nan where the price of one is unknown."""
        with self._changed:
            return self._spent if self._is_known else nan

    def add_unknown(self) -> None:
        """There is a call of which nobody knows what it has cost."""
        with self._changed:
            self._is_known = False

    def reserve(self, most: float, *, waits: bool = True) -> bool:
        """Reserve what a call may cost at most. False: the limit does not allow it.

        Args:
            most: US dollars.
            waits: for calls on their way, which may leave enough.
        """
        with self._changed:
            while self._spent + self._reserved + most > self._limit:
                if not waits or self._spent + most > self._limit:
                    return False
                self._changed.wait()
            self._reserved += most
            return True

    def settle(self, most: float, cost: float) -> None:
        """A call that reserved `most` has cost this."""
        with self._changed:
            self._reserved = max(0.0, self._reserved - most)
            self._spent += cost
            self._changed.notify_all()
