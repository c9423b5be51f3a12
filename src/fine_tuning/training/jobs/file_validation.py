"""Validate a job's files before it is queued, so that every bad line is named at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fine_tuning.base_models.template_check import FileRendering
from fine_tuning.data_io import sources
from fine_tuning.data_io.content_hash import ContentHash
from fine_tuning.data_io.formats import chat_checks, row_text
from fine_tuning.data_io.formats.findings import CODES, Finding
from fine_tuning.errors import DataError, FineTuningError
from fine_tuning.export.chat_template import FolderTemplate, has_one_template
from fine_tuning.store import datasets, files, job_events, job_queue
from fine_tuning.store.database import Database
from fine_tuning.store.records.files import StoredFile
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.loop.bad_rows import summary
from fine_tuning.training.loop.preference_rows import check_rendering, check_row

MAX_PROBLEMS_PER_LINE = 3
MAX_STORED = 10_000


@dataclass(frozen=True)
class Validation:
    """The outcome for one file: the hash over its rows, and each problem that keeps it from being trained on."""

    content_hash: str
    problems: list[str]
    bad_lines: int


def check_job(database: Database, job: Job, base: Path | None = None) -> None:
    """Queue a job whose files can be trained on; fail another, naming each bad line (line, field, reason).

    Args:
        base: the folder of the base model where it is at hand: its chat template then has to render each row. Without
            it training tells which ones it does not.
    """
    dataset_id = None
    method = job["hyperparameters"].get("method", "supervised")
    for param, file_id in (("training_file", job["training_file_id"]), ("validation_file", job["validation_file_id"])):
        if file_id is None:
            continue
        with database.read() as tx:
            file = files.get(tx, file_id)
        try:
            found = _validated(file, method, base)
        except FineTuningError as error:
            _fail(database, job["id"], param, f"{file_id}: {error}", [str(error)])
            return
        if found.problems:
            _fail(database, job["id"], param, f"{file_id} {summary(found.problems, found.bad_lines)}", found.problems)
            return
        with database.write() as tx:
            dataset = datasets.find_by_hash(tx, found.content_hash, job["project"])
            if dataset is not None:
                files.set_dataset(tx, file_id, dataset["id"])
        if param == "training_file":
            dataset_id = dataset["id"] if dataset else None
    with database.write() as tx:
        if job_queue.end_validation(tx, job["id"], "queued", dataset_id=dataset_id):
            job_events.add(tx, job["id"], "message", "Files validated, moving job to queued state", {})


def _validated(file: StoredFile | None, method: str, base: Path | None) -> Validation:
    if file is None or file["deleted_at"] is not None:
        raise DataError("the file was deleted")
    digest, rows, bad_lines, problems = ContentHash(), 0, 0, []
    check = check_of(base)
    for raw in sources.read(file["path"]):
        rows += 1
        parsed = row_text.parse(raw.text)
        if isinstance(parsed, Finding):
            findings = [parsed]
        else:
            findings = [each for each in _findings(parsed, method) if CODES[each.code].is_error]
            digest.add(parsed)
        of_line = [f"line {raw.line}: {_problem(each)}" for each in findings[:MAX_PROBLEMS_PER_LINE]]
        if not isinstance(parsed, Finding) and not of_line:
            of_line = _untrainable(parsed, f"line {raw.line}", check)
        bad_lines += bool(of_line)
        problems += of_line
    if not rows:
        raise DataError("the file is empty; it needs at least one row")
    return Validation(digest.text(), problems, bad_lines)


def _findings(row: Mapping[str, object], method: str) -> list[Finding]:
    if method == "dpo" and "preferred_output" not in row:
        return [Finding("no-messages", "input", "no pair: dpo needs input, preferred_output and non_preferred_output")]
    if method != "dpo" and "messages" not in row:
        return [Finding("no-messages", "messages", 'missing; each row needs {"messages": [...]}')]
    return chat_checks.check_row(row)


def check_of(base: Path | None) -> Callable[[JsonColumn, str], None]:
    """Raises for a row that cannot be trained on here; where the base model is at hand, by its chat template too."""
    if base is None or not has_one_template(base):
        return check_row
    try:
        template = FolderTemplate(base)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, training tells before it begins
        return check_row
    return partial(check_rendering, tokenizer=template, rendering=FileRendering(str(template.chat_template)))


def _untrainable(row: JsonColumn, where: str, check: Callable[[JsonColumn, str], None]) -> list[str]:
    """What keeps a valid row from being trained on here, such as an image."""
    try:
        check(row, where)
    except DataError as error:
        return [str(error)]
    return []


def _problem(finding: Finding) -> str:
    place = f"{finding.field}: " if finding.field else ""
    return f"{place}{finding.message.rstrip('.')}; {CODES[finding.code].advice}"


def _fail(database: Database, job_id: str, param: str, message: str, problems: list[str]) -> None:
    error = {"code": f"invalid_{param}", "message": message, "param": param}
    with database.write() as tx:
        if job_queue.end_validation(tx, job_id, "failed", error=error):
            job_events.add(tx, job_id, "message", message, {"problems": problems[:MAX_STORED]}, level="error")
