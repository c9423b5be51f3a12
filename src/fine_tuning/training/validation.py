"""Look at a job's files before it is queued, so that every bad line is named at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fine_tuning.errors import DataError, FineTuningError
from fine_tuning.files import open_to_read, parse_json
from fine_tuning.rows import ContentHash
from fine_tuning.store import datasets, files, jobs
from fine_tuning.store.database import Database
from fine_tuning.training.chat_tokens import checked_messages
from fine_tuning.training.preferences import checked_pair

MOST_SHOWN = 20
CHECKS = {"supervised": checked_messages, "dpo": checked_pair}


def check_job(database: Database, job: Mapping[str, Any]) -> None:
    """Queue a job whose files can be trained on; fail another with each bad line named (line, field, reason)."""
    dataset_id = None
    for param in ("training_file", "validation_file"):
        if (file_id := job[f"{param}_id"]) is None:
            continue
        with database.read() as tx:
            file = files.get(tx, file_id)
        try:
            content, problems = _checked(file, file_id, CHECKS[job["hyperparameters"].get("method", "supervised")])
        except FineTuningError as error:
            content, problems = None, [str(error)]
        if problems:
            _fail(database, job["id"], param, file_id, problems)
            return
        with database.write() as tx:
            dataset = datasets.find_by_hash(tx, content) if content else None
            if dataset is not None:
                files.set_dataset(tx, file_id, dataset["id"])
        if param == "training_file":
            dataset_id = dataset["id"] if dataset else None
    with database.write() as tx:
        if jobs.end_validation(tx, job["id"], "queued", dataset_id=dataset_id):
            jobs.add_event(tx, job["id"], "message", "Files validated, moving job to queued state", {})


def _checked(
    file: Mapping[str, Any] | None, file_id: str, check: Callable[[Mapping[str, Any], str], object]
) -> tuple[str, list[str]]:
    if file is None or file["deleted_at"] is not None:
        raise DataError(f"file {file_id} was deleted")
    digest, rows, problems = ContentHash(), 0, []
    for line, row in _rows(Path(file["path"])):
        rows += 1
        try:
            if isinstance(row, DataError):
                raise row
            check(row, f"line {line}")
            digest.add(row)
        except DataError as error:
            problems.append(str(error))
    if not rows:
        problems.append("the file is empty; it needs at least one row")
    return digest.text(), problems


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    with open_to_read(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
            except DataError as error:
                row = DataError(f"line {number}: {error}")
            else:
                if not isinstance(row, dict):
                    row = DataError(f"line {number}: a row must be a JSON object, not {type(row).__name__}")
            yield number, row


def _fail(database: Database, job_id: str, param: str, file_id: str, problems: list[str]) -> None:
    more = f"; and {len(problems) - MOST_SHOWN} more" if len(problems) > MOST_SHOWN else ""
    lines = "1 bad line" if len(problems) == 1 else f"{len(problems)} bad lines"
    message = f"{file_id} has {lines}: {'; '.join(problems[:MOST_SHOWN])}{more}"
    error = {"code": f"invalid_{param}", "message": message, "param": param}
    with database.write() as tx:
        if jobs.end_validation(tx, job_id, "failed", error=error):
            jobs.add_event(tx, job_id, "message", message, {}, level="error")
