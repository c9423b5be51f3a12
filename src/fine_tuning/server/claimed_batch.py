"""A batch that this server holds by a lease: what it reads and writes, all of it under the lease."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from fine_tuning.errors import NotFoundError
from fine_tuning.server import file_storage
from fine_tuning.server.context import Context
from fine_tuning.server.file_storage import NewUpload
from fine_tuning.store import batch_queue, files
from fine_tuning.store.records.batches import Batch, BatchError, BatchResult, BatchStatus
from fine_tuning.store.records.files import NewFile

LEASE_SECONDS = 15.0


class LeaseLostError(Exception):
    """Another server has the batch: what this one does with it no longer counts."""


class ClaimedBatch:
    """A batch and its lease; every method raises LeaseLostError where another server has it, and StorageError.

    Args:
        worker: the server's name in the lease.
    """

    def __init__(self, server: Context, worker: str, row: Batch) -> None:
        self._server, self._worker = server, worker
        self._lock = threading.Lock()  # the row is that of the last transaction
        self.row = row

    @property
    def id(self) -> str:
        """The batch's id."""
        return self.row["id"]

    def renew(self) -> None:
        """Renew the lease, and read what was requested meanwhile."""
        with self._lock, self._server.database.write() as tx:
            self._set(batch_queue.renew(tx, self.id, self._worker, LEASE_SECONDS))

    def read(self) -> None:
        """Read what was requested meanwhile."""
        with self._lock, self._server.database.read() as tx:
            self._set(batch_queue.held(tx, self.id, self._worker))

    def release(self) -> None:
        """Give the batch back, so that another server can claim it at once."""
        with self._server.database.write() as tx:
            batch_queue.release(tx, self.id, self._worker)

    def begin(self, model: str, total: int) -> None:
        """Begin with the validated requests, unless a cancellation was requested."""
        with self._lock, self._server.database.write() as tx:
            self._set(batch_queue.begin(tx, self.id, self._worker, model, total))

    def begin_finalizing(self) -> None:
        """Note that all requests have a result."""
        with self._lock, self._server.database.write() as tx:
            self._set(batch_queue.begin_finalizing(tx, self.id, self._worker))

    def add_results(self, results: Sequence[BatchResult]) -> None:
        """Record results."""
        with self._lock, self._server.database.write() as tx:
            self._set(batch_queue.add_results(tx, self.id, self._worker, results))

    def lines_with_result(self) -> set[int]:
        """The lines of the input file that have a result."""
        with self._server.database.read() as tx:
            return batch_queue.lines_with_result(tx, self.id)

    def input_path(self) -> str:
        """Path of the input file, which is kept while the batch has not ended.

        Raises:
            NotFoundError: its row names a file outside of the workspace.
        """
        with self._server.database.read() as tx:
            found = files.get(tx, self.row["input_file_id"])
        assert found is not None  # noqa: S101 - a foreign key
        if not file_storage.is_inside(self._server.workspace, found["path"]):
            raise NotFoundError(f"File {found['id']} is gone")
        return found["path"]

    def end(self, status: BatchStatus, errors: Sequence[BatchError] = ()) -> None:
        """Write the files of the results that there are, and end the batch."""
        row = self.row
        kinds = {"output": row["completed"], "error": row["failed"]}
        made = {kind: self._write(kind) for kind, count in kinds.items() if count}
        values: dict[str, object] = {f"{kind}_file_id": file["id"] for kind, file in made.items()}
        if errors:
            values["errors"] = {"data": [*errors]}
        try:
            with self._lock, self._server.database.write() as tx:
                for file in made.values():
                    files.add(tx, file)
                self._set(batch_queue.end(tx, self.id, self._worker, status, values))
        except BaseException:
            for file in made.values():
                Path(file["path"]).unlink(missing_ok=True)
            raise

    def _write(self, kind: str) -> NewFile:
        new = NewUpload(self.row["project"], f"{self.id}_{kind}.jsonl", "batch_output", self.row["output_keep_seconds"])
        return file_storage.write(self._server.workspace, self._lines(is_error=kind == "error"), new)

    def _lines(self, *, is_error: bool) -> Iterator[bytes]:
        with self._server.database.read() as tx:
            for text in batch_queue.result_texts(tx, self.id, is_error=is_error):
                yield f"{text}\n".encode()

    def _set(self, found: Batch | None) -> None:
        if found is None:
            raise LeaseLostError
        self.row = found
