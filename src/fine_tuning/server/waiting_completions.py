"""Completions that wait to be stored: in files, before they are answered, so that no lock keeps a client waiting."""

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
from fine_tuning.errors import ConflictError, FineTuningError, StorageError
from fine_tuning.store.column_types import to_json

_log = logging.getLogger(__name__)
FOLDER = "waiting_completions"  # of the workspace
PATIENCE_SECONDS = 0.5  # of an answer for its own storing


class WaitingCompletions:
    """A folder of completions, each a file, and the thread that stores them.

    Args:
        store: one; called again for one that it has stored, where the process was killed in between.
    """

    def __init__(self, folder: Path, store: Callable[[JsonObject], None]) -> None:
        self._folder, self._store = folder, store
        self._thread = ThreadPoolExecutor(1, "completions")

    def add(self, name: str, completion: JsonObject) -> None:
        """Keep a completion, and store it; where that takes longer than a moment, it goes on without the caller.

        Raises:
            StorageError: it can neither be written to a file nor stored.
        """
        path = self._folder / f"{time.time_ns():020d}-{name}.json"
        try:
            with atomic_write(path, permissions=OWNER_READS) as stream:
                stream.write(to_json(completion))
        except StorageError:  # a full disk may have the database elsewhere
            self._store(completion)
            return
        wait([self._thread.submit(self.store_all)], PATIENCE_SECONDS)

    def store_all(self) -> None:
        """Store what waits, oldest first; it waits on where the database is locked or away."""
        if not self._folder.is_dir():
            return
        with suppress(ConflictError), locks.held(self._folder, "completions are stored"):  # another server does it
            for path in sorted(self._folder.glob("*.json")):
                try:
                    self._store_file(path)
                except StorageError as error:
                    _log.warning("completions wait in %s: %s", self._folder, error)
                    return

    def _store_file(self, path: Path) -> None:
        try:
            completion = read_json(path)
            if is_object(completion):
                self._store(completion)
        except StorageError:
            raise
        except FineTuningError as error:
            _log.warning("%s is no completion and was left out: %s", path, error)
            path.rename(path.with_suffix(".unusable"))
            return
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Start nothing more; what waits is stored by the next server."""
        self._thread.shutdown(wait=False, cancel_futures=True)
