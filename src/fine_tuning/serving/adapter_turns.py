"""Turns of the adapters on one loaded model, which llama.cpp computes one after the other.

Left to itself, llama.cpp goes by the numbers of its slots: a request in a later slot waits for as long as new ones of
other adapters come to earlier slots. And a slot whose adapter changes forgets the prompt that it has computed. So the
requests of one adapter run together, the turns come in the order in which they were asked for, and an adapter gets the
slot back that it had, with the beginning of the prompt that all its requests share.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CHECK_SECONDS = 0.25


class LeftError(Exception):
    """Whoever waited for a turn has left."""


@dataclass(eq=False)
class _Request:
    adapter: Hashable
    has_turn: bool = False


@dataclass(eq=False)
class _Slot:
    number: int
    adapter: Hashable = None  # the last one; None before there was one


class AdapterTurns:
    """Whose turn it is, and the slots of a model by their last use.

    Args:
        slots: of the model.
    """

    def __init__(self, slots: int) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Request] = []
        self._running = 0
        self._adapter: Hashable = None
        self._free = [_Slot(number) for number in range(slots)]  # those that were used last at the end
        self._slots = tuple(self._free)

    @contextmanager
    def taken(self, adapter: Hashable, has_left: Callable[[], bool] = lambda: False) -> Iterator[int | None]:
        """Wait for the adapter's turn, and hold it while the block runs.

        Args:
            adapter: what tells it from the others and from the base model alone; not None.
            has_left: whether nobody waits any more.

        Returns:
            The slot to use; None where any is as good, or none is free yet.

        Raises:
            LeftError: before it was the adapter's turn.
        """
        self._enter(_Request(adapter), has_left)
        slot, is_any = self._take_slot(adapter)
        try:
            yield None if slot is None or is_any else slot.number
        finally:
            with self._changed:
                if slot is not None:
                    self._free.append(slot)
                self._running -= 1
                self._give_turns()

    def _enter(self, request: _Request, has_left: Callable[[], bool]) -> None:
        with self._changed:
            self._waiting.append(request)
            self._give_turns()
            while not request.has_turn:
                self._changed.wait(CHECK_SECONDS)
                if not request.has_turn and has_left():
                    self._waiting.remove(request)
                    self._give_turns()
                    raise LeftError

    def _give_turns(self) -> None:
        """Let all requests of an adapter run: the first one's that waits, or those that come while no other waits."""
        if not self._running and self._waiting:
            self._adapter = self._waiting[0].adapter
        elif any(each.adapter != self._adapter for each in self._waiting):
            return
        for each in [each for each in self._waiting if each.adapter == self._adapter]:
            self._waiting.remove(each)
            self._running += 1
            each.has_turn = True
        self._changed.notify_all()

    def _take_slot(self, adapter: Hashable) -> tuple[_Slot | None, bool]:
        """A free slot, the adapter's own if it has one, and whether no other adapter has ever had one."""
        with self._changed:
            is_any = all(each.adapter in (None, adapter) for each in self._slots)
            if not self._free:
                return None, is_any
            own = next((each for each in reversed(self._free) if each.adapter == adapter), self._free[0])
            self._free.remove(own)
            own.adapter = adapter
            return own, is_any
