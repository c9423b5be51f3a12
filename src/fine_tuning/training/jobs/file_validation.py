"""Look at a job's files before it is queued, so that every bad line is named at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fine_tuning.data_io import sources
from fine_tuning.data_io.content_hash import ContentHash
from fine_tuning.data_io.formats import chat_checks, row_text
from fine_tuning.data_io.formats.findings import CODES, Finding
from fine_tuning.errors import DataError, FineTuningError
from fine_tuning.store import datasets, files, job_events, job_queue
from fine_tuning.store.database import Database

MOST_SHOWN = 20  # in the message; the event has them all
MOST_OF_A_LINE = 3
MOST_KEPT = 10_000


def check_job(database: Database, job: Mapping[str, Any]) -> None:
    """Queue a job whose files can be trained on; fail another with each bad line named (line, field, reason)."""
    dataset_id = None
    for param in ("training_file", "validation_file"):
        if (file_id := job[f"{param}_id"]) is None:
            continue
        with database.read() as tx:
            file = files.get(tx, file_id)
        try:
            content, problems = _checked(file, file_id, job["hyperparameters"].get("method", "supervised"))
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
        if job_queue.end_validation(tx, job["id"], "queued", dataset_id=dataset_id):
            job_events.add(tx, job["id"], "message", "Files validated, moving job to queued state", {})


def _checked(file: Mapping[str, Any] | None, file_id: str, method: str) -> tuple[str, list[str]]:
    """The hash of a file's rows, and each line that cannot be trained on."""
    if file is None or file["deleted_at"] is not None:
        raise DataError(f"file {file_id} was deleted")
    digest, rows, problems = ContentHash(), 0, []
    for raw in sources.read(file["path"]):
        rows += 1
        parsed = row_text.parse(raw.text)
        if isinstance(parsed, Finding):
            findings = [parsed]
        else:
            findings = [each for each in _findings(parsed, method) if CODES[each.code].is_error]
            digest.add(parsed)
        problems += [f"line {raw.line}: {_said(each)}" for each in findings[:MOST_OF_A_LINE]]
    if not rows:
        problems.append("the file is empty; it needs at least one row")
    return digest.text(), problems


def _findings(row: dict[str, Any], method: str) -> list[Finding]:
    if method == "dpo" and "preferred_output" not in row:
        return [Finding("no-messages", "input", "no pair: dpo needs input, preferred_output and non_preferred_output")]
    if method != "dpo" and "messages" not in row:
        return [Finding("no-messages", "messages", 'missing; each row needs {"messages": [...]}')]
    return chat_checks.check_row(row)


def _said(finding: Finding) -> str:
    place = f"{finding.field}: " if finding.field else ""
    return f"{place}{finding.message}; {CODES[finding.code].advice}"


def _fail(database: Database, job_id: str, param: str, file_id: str, problems: list[str]) -> None:
    more = f"; and {len(problems) - MOST_SHOWN} more" if len(problems) > MOST_SHOWN else ""
    bad = len({problem.partition(":")[0] for problem in problems})
    lines = "1 bad line" if bad == 1 else f"{bad} bad lines"
    message = f"{file_id} has {lines}: {'; '.join(problems[:MOST_SHOWN])}{more}"
    error = {"code": f"invalid_{param}", "message": message, "param": param}
    with database.write() as tx:
        if job_queue.end_validation(tx, job_id, "failed", error=error):
            job_events.add(tx, job_id, "message", message, {"problems": problems[:MOST_KEPT]}, level="error")
