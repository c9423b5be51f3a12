"""Training files: found, read and checked in one pass, and recorded with the dataset whose content they have."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fine_tuning._util.files import is_file, sha256_file
from fine_tuning.data_io.content_hash import ContentHash
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import NotFoundError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database
from fine_tuning.store.records.files import NewFile
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.token_count import TokenCount
from fine_tuning.training.loop.bad_rows import BadRows


@dataclass(frozen=True)
class TrainingFile:
    """Facts of one pass over a training file.

    Attributes:
        content_hash: the `ContentHash` of its rows; equals that of the dataset with these rows.
        tokens: of all rows, once; None where they are unknown or were not counted.
    """

    path: Path
    content_hash: str
    tokens: int | None = None


def find_training_file(workspace: Workspace, path: str | Path) -> Path:
    """The path of a file in the current directory, else in the workspace's `datasets` folder.

    Raises:
        NotFoundError: it is in neither.
    """
    folder = workspace.folder("datasets")
    for candidate in (Path(path), folder / path):
        if is_file(candidate):
            return candidate
    raise NotFoundError(f"no dataset file {path}, neither in {Path.cwd()} nor in {folder}")


def read_training_file(
    path: Path, check_row: Callable[[JsonColumn, str], None], token_count: TokenCount | None = None
) -> TrainingFile:
    """Read a file once: check every row, hash the content, count the tokens.

    Args:
        check_row: raises DataError for a row that the trainer refuses; its second argument names the line.
        token_count: counts the tokens of the rows; without it they are not counted.

    Raises:
        NotFoundError, DataError: the file is missing or empty, or rows cannot be used; the message names the lines.
    """
    content, bad = ContentHash(), BadRows(str(path))
    for line, row in read_rows(path):
        with bad.line(line) as where:
            check_row(row, where)
            content.add(row)
            if token_count is not None:
                token_count.add(row)
    bad.check()
    return TrainingFile(path, content.text(), None if token_count is None else token_count.total)


def file_record(database: Database, file: TrainingFile, provider: str) -> NewFile:
    """The record of a file, linked to the dataset whose content it has."""
    with database.read() as tx:
        dataset = datasets.find_by_hash(tx, file.content_hash)
    return {
        "id": f"file-{uuid.uuid4().hex[:24]}",
        "provider": provider,
        "purpose": "fine-tune",
        "filename": file.path.name,
        "path": str(file.path.absolute()),
        "bytes": file.path.stat().st_size,
        "sha256": sha256_file(file.path),
        "dataset_id": dataset["id"] if dataset else None,
    }
