"""Answers that wait to be stored: in files, before they are sent, so that no lock keeps a client waiting."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from fine_tuning._util import locks
from fine_tuning._util.files import OWNER_READS, atomic_write, read_json
from fine_tuning.data_io.json_values import JsonObject, is_object
from fine_tuning.errors import ConflictError, DataError, FineTuningError, StorageError, UnavailableError
from fine_tuning.store.column_types import to_json

_log = logging.getLogger(__name__)
FOLDER = "waiting_answers"  # of the workspace
PATIENCE_SECONDS = 0.5  # of an answer for its own storing


class WaitingAnswers:
    """A folder of answers, each a file, and the thread that stores them.

    Args:
        store: one; called again for one that it has stored, where the process was killed in between.
    """

    def __init__(self, folder: Path, store: Callable[[JsonObject], None]) -> None:
        self._folder, self._store = folder, store
        self._thread = ThreadPoolExecutor(1, "answers")

    def add(self, name: str, answer: JsonObject) -> None:
        """Keep an answer, and store it; where that takes longer than a moment, it goes on without the caller.

        Raises:
            StorageError: it can neither be written to a file nor stored.
        """
        path = self._folder / f"{time.time_ns():020d}-{name}.json"
        try:
            with atomic_write(path, permissions=OWNER_READS) as stream:
                stream.write(to_json(answer))
        except StorageError:  # a full disk may have the database elsewhere
            self._store(answer)
            return
        wait([self._thread.submit(self.store_all)], PATIENCE_SECONDS)

    def reason(self, project: str, name: str) -> UnavailableError | None:
        """Why an answer of that project cannot be read yet; None where it is stored, or none.

        Ask before the database is read: afterwards it may have been stored in between, and would seem to be none.
        """
        for path in self._folder.glob("*.json"):
            if path.stem.partition("-")[2] == name and self._project_of(path) == project:
                return UnavailableError(f"{name} waits in {self._folder} until the database is there again")
        return None

    def _project_of(self, path: Path) -> object:
        """The project of an answer; None where it is stored by now, or no answer."""
        try:
            answer = read_json(path)
        except FineTuningError:
            return None
        return answer.get("project") if is_object(answer) else None

    def store_all(self) -> None:
        """Store what waits, oldest first; it waits on where the database is locked or away."""
        if not self._folder.is_dir():
            return
        with suppress(ConflictError), locks.held(self._folder, "answers are stored"):  # another server does it
            for path in sorted(self._folder.glob("*.json")):
                try:
                    self._store_file(path)
                except StorageError as error:
                    _log.warning("answers wait in %s: %s", self._folder, error)
                    return

    def _store_file(self, path: Path) -> None:
        try:
            if not is_object(answer := read_json(path)):
                raise DataError("it is not a JSON object")
            self._store(answer)
        except StorageError:
            raise
        except FineTuningError as error:
            _log.warning("%s is no answer and was left out: %s", path, error)
            path.rename(path.with_suffix(".unusable"))
            return
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Start nothing more; what waits is stored by the next server."""
        self._thread.shutdown(wait=False, cancel_futures=True)
