"""Threads that wait for each other where they share a product: the last to come computes it for all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")
Work = Callable[[Mapping[int, Given]], Mapping[int, Result]]


class Request(NamedTuple, Generic[Given, Result]):
    """What a member brings, and the work that it waits for."""

    given: Given
    work: Work[Given, Result]


class Meeting:
    """Members have the turn one at a time, so that what they share is used by one thread alone.

    Args:
        members: the numbers of the threads that will come in.
    """

    def __init__(self, members: Iterable[int]) -> None:
        self._turn = threading.Condition()
        self._members = set(members)
        self._requests: dict[int, Request[Any, Any]] = {}  # of several kinds of work
        self._results: dict[int, object] = {}
        self._errors: dict[int, Exception] = {}

    @contextmanager
    def turn(self, member: int) -> Iterator[None]:
        """Have the turn, but for while waiting in `meet`; the others do not wait for a member whose block has ended."""
        with self._turn:
            try:
                yield
            finally:
                self.leave(member)

    def leave(self, member: int) -> None:
        """Be waited for no longer; the member keeps its turn until its block ends."""
        with self._turn:
            self._members.discard(member)
            self._work_if_all_wait()

    def meet(self, member: int, given: Given, work: Work[Given, Result]) -> Result:
        """What `work` returns for a member, once all have come.

        Where some wait for one work and some for another, that of the first is done, and the others wait on.

        Args:
            work: a function of what each member gave, by its number.

        Raises:
            Exception: that of the work, in each of the members that waited for it.
        """
        self._requests[member] = Request(given, work)
        self._work_if_all_wait()
        while member not in self._results and member not in self._errors:
            self._turn.wait()
        if (error := self._errors.pop(member, None)) is not None:
            raise error
        return self._results.pop(member)  # type: ignore[return-value] # of this member's own work

    def _work_if_all_wait(self) -> None:
        if not self._requests or not self._members <= self._requests.keys():
            return
        work = next(iter(self._requests.values())).work
        waiting = {member: request.given for member, request in self._requests.items() if request.work == work}
        for member in waiting:
            del self._requests[member]
        try:
            self._results.update(work(waiting))
        except Exception as error:  # noqa: BLE001 - it is raised where they wait
            self._errors.update(dict.fromkeys(waiting, error))
        self._turn.notify_all()
