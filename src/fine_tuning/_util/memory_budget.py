"""The memory that several holders of bytes may take together."""

from __future__ import annotations

import threading


class MemoryBudget:
    """Bytes that may be held at once; threads may share it.

    Args:
        max_bytes: of all holders.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Count bytes that are held; False where there is no place for them, and nothing was counted."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        """Count bytes that are no longer held."""
        with self._lock:
            self._left += size
