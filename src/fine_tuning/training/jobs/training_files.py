"""The record of a training file, linked to the data set whose content it has."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from fine_tuning._util.files import sha256_file
from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.data_io.rows import read_rows
from fine_tuning.store import datasets
from fine_tuning.store.database import Database


def file_record(database: Database, path: Path, provider: str) -> dict[str, Any]:
    """A files row for `path`, linked to the data set whose content it has.

    Raises:
        NotFoundError, DataError: the file is missing, empty, or a row is not a JSON object.
    """
    rows = [row for _, row in read_rows(path)]
    with database.read() as tx:
        dataset = datasets.find_by_hash(tx, content_hash(rows))
    return {
        "id": f"file-{uuid.uuid4().hex[:24]}",
        "provider": provider,
        "purpose": "fine-tune",
        "filename": path.name,
        "path": str(path.absolute()),
        "bytes": path.stat().st_size,
        "sha256": sha256_file(path),
        "dataset_id": dataset["id"] if dataset else None,
    }
