"""The report of an account export, and the inventory of the host that it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fine_tuning._util.files import write_json
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.account_export.account_lists import AccountLists


@dataclass
class Report:
    """The result of an export.

    Attributes:
        jobs, models, checkpoints, files: counts in the account; new_jobs, new_models, new_files: of those new here.
        changed_jobs: jobs known here that have changed since.
        archived_models: models known here that the account no longer has.
        bytes: of the files that this export fetched.
        missing: what is unavailable, and why, a line each.
        inventory: path of the JSON file with the lists of the host.
    """

    host: str
    jobs: int = 0
    new_jobs: int = 0
    changed_jobs: int = 0
    models: int = 0
    new_models: int = 0
    archived_models: int = 0
    checkpoints: int = 0
    files: int = 0
    new_files: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)
    inventory: str = ""


def write_inventory(
    workspace: Workspace, report: Report, lists: AccountLists, checkpoints: Mapping[str, list[JsonColumn]]
) -> None:
    """Write the lists of the host and the checkpoints by job into the workspace; the report names the file."""
    name = "".join(letter if letter.isalnum() else "-" for letter in report.host.split("://")[1])
    path = workspace.folder("exports") / f"{name}.json"
    content = {
        "host": report.host,
        "exported_at": datetime.now(UTC).isoformat(),
        "jobs": [each.model_dump(mode="json") for each in lists.jobs],
        "models": [each.model_dump(mode="json") for each in lists.models],
        "files": [each.model_dump(mode="json") for each in lists.files],
        "checkpoints": dict(checkpoints),
        "missing": report.missing,
    }
    write_json(path, content)
    report.inventory = str(path)
