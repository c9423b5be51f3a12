"""The steps of a relocation; the result of each is recorded, so that a later run resumes an interrupted one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from fine_tuning.store import relocations
from fine_tuning.store.database import Database
from fine_tuning.store.records.relocations import RelocationRequest
from fine_tuning.store.records.rows import JsonColumn

Result = TypeVar("Result")


class RecordedSteps:
    """Starts the relocation of a request, or resumes it with the results of earlier runs."""

    def __init__(self, database: Database, request: RelocationRequest) -> None:
        self._database = database
        with database.write() as tx:
            found = relocations.start_or_resume(tx, request)
        self.relocation_id = found["id"]
        self._done: JsonColumn = dict(found["done"])

    def find(self, name: str) -> Any | None:
        """The result of a step; None where it has not finished."""
        return self._done.get(name)

    def has(self, name: str) -> bool:
        """Whether a step has finished."""
        return name in self._done

    def run(self, name: str, work: Callable[[], Result]) -> Result:
        """The result of a step, from an earlier run where it is recorded."""
        if self._done.get(name) is None:
            self._done[name] = work()
            self._record(name)
        result: Result = self._done[name]
        return result

    def repeat(self, name: str, work: Callable[[], Result]) -> Result:
        """The result of a step that is run again; an earlier result stays recorded until it ends."""
        self._done.pop(name, None)
        return self.run(name, work)

    def keep_only(self, names: Collection[str]) -> None:
        """Discard the results of all other steps."""
        self._done = {name: result for name, result in self._done.items() if name in names}
        with self._database.write() as tx:
            relocations.keep_only(tx, self.relocation_id, self._done)

    def finish(self, name: str, result: object) -> None:
        """Record the result of the last step."""
        self._done[name] = result
        self._record(name, is_last=True)

    def _record(self, name: str, *, is_last: bool = False) -> None:
        with self._database.write() as tx:
            relocations.record_step(tx, self.relocation_id, name, self._done[name], is_last=is_last)
