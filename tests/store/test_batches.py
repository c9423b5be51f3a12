"""Batches, their leases and their results, on both databases."""

from __future__ import annotations

import pytest

from fine_tuning.store import batch_queue, batches, files
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.batches import BatchResult, TokenCounts

LEASE, OVER = 60.0, -1.0


@pytest.fixture
def batch_id(database: Database) -> str:
    with database.write() as tx:
        return add_with_file(tx)


def add_with_file(tx: Transaction) -> str:
    """A batch and the file with its requests; returns the batch's id."""
    files.add(
        tx,
        {
            "id": "file-1",
            "provider": "local",
            "purpose": "batch",
            "filename": "a",
            "path": "a",
            "bytes": 1,
            "sha256": "0",
            "dataset_id": None,
        },
    )
    add(tx, "batch_1")
    return "batch_1"


def add(tx: Transaction, name: str) -> None:
    batches.add(
        tx,
        {
            "id": name,
            "project": "p",
            "input_file_id": "file-1",
            "endpoint": "/v1/embeddings",
            "completion_window": "24h",
            "metadata": None,
            "output_keep_seconds": None,
        },
    )


def result(line: int, *, is_error: bool = False) -> BatchResult:
    return BatchResult(line, is_error, f"line {line}", TokenCounts(3, 2, 1, 0))


def test_batch_is_claimed_by_one_server(database: Database, batch_id: str) -> None:
    with database.write() as tx:
        add(tx, "batch_2")
        claimed = [batch_queue.claim_next(tx, worker, LEASE) for worker in ("a", "b", "c")]
    assert [each and each["id"] for each in claimed] == [batch_id, "batch_2", None]
    with database.read() as tx:
        assert not batch_queue.is_waiting(tx)


def test_results_of_a_server_that_lost_its_lease_are_refused(database: Database, batch_id: str) -> None:
    with database.write() as tx:
        batch_queue.claim_next(tx, "a", LEASE)
        batch_queue.begin(tx, batch_id, "a", "m", 3)
        assert batch_queue.add_results(tx, batch_id, "a", [result(1), result(3, is_error=True)])
        batch_queue.renew(tx, batch_id, "a", OVER)
        second = batch_queue.claim_next(tx, "b", LEASE)
        assert second is not None
        assert (second["status"], second["deaths"]) == ("in_progress", 1)
        assert batch_queue.add_results(tx, batch_id, "a", [result(2)]) is None
        assert batch_queue.renew(tx, batch_id, "a", LEASE) is None
        assert batch_queue.end(tx, batch_id, "a", "completed", {}) is None
        assert batch_queue.lines_with_result(tx, batch_id) == {1, 3}
        found = batch_queue.add_results(tx, batch_id, "b", [result(2)])
        assert found is not None
        assert (found["completed"], found["failed"], found["deaths"]) == (2, 1, 0)
        assert (found["input_tokens"], found["cached_tokens"], found["output_tokens"]) == (9, 6, 3)
        assert [*batch_queue.result_texts(tx, batch_id, is_error=False)] == ["line 1", "line 2"]
        assert [*batch_queue.result_texts(tx, batch_id, is_error=True)] == ["line 3"]


def test_released_batch_is_claimed_at_once_and_no_death(database: Database, batch_id: str) -> None:
    with database.write() as tx:
        batch_queue.claim_next(tx, "a", LEASE)
        batch_queue.release(tx, batch_id, "a")
        claimed = batch_queue.claim_next(tx, "b", LEASE)
    assert claimed is not None
    assert claimed["deaths"] == 0


def test_cancellation_is_seen_by_the_server_that_holds_the_batch(database: Database, batch_id: str) -> None:
    with database.write() as tx:
        batch_queue.claim_next(tx, "a", LEASE)
        assert batches.request_cancel(tx, batch_id)
        assert not batches.request_cancel(tx, batch_id)
        begun = batch_queue.begin(tx, batch_id, "a", "m", 3)
        assert begun is not None
        assert begun["status"] == "cancelling"
        assert batches.using_file(tx, "file-1") == batch_id
        assert batch_queue.end(tx, batch_id, "a", "cancelled", {})
        assert batches.using_file(tx, "file-1") is None
        assert not batches.request_cancel(tx, batch_id)
        assert batch_queue.claim_next(tx, "b", LEASE) is None
