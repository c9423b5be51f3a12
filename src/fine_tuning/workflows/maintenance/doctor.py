"""Check a workspace for problems, and fix those that can be repaired without losing data."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fine_tuning._util.files import is_file, translated_os_errors
from fine_tuning.base_models.model_folder import weights_sha256
from fine_tuning.datasets import manifest
from fine_tuning.errors import FineTuningError
from fine_tuning.registry.deployment_gates import artifact_file
from fine_tuning.store import database_clock, integrity, job_queue, schema, uploads
from fine_tuning.store.database import Transaction
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.maintenance import leftovers

MAX_SHOWN = 20  # findings of each check on the command line
LEFTOVER_SECONDS = 3600.0  # age from which a half-written file is abandoned
LEFTOVER_DATASET_SECONDS = 86400.0  # a large build compares rows for long before it writes on in its folder


class Finding(NamedTuple):
    """A problem that a check found.

    Attributes:
        check: the name of the check.
        what: the problem, in one line.
        fixed: whether it is repaired now.
    """

    check: str
    what: str
    fixed: bool = False


@dataclass(frozen=True)
class Problem:
    """A problem in one line, and whether the check has fixed it."""

    what: str
    fixed: bool = False


@dataclass(frozen=True)
class Examination:
    """A workspace to check.

    Attributes:
        fix: repair what can be repaired without losing data.
    """

    workspace: Workspace
    fix: bool

    def read(self, check: Callable[[Transaction], list[str]]) -> list[Problem]:
        """The problems that a check of the rows finds."""
        with self.workspace.database.read() as tx:
            return [Problem(what) for what in check(tx)]


def check_workspace(workspace: Workspace, *, fix: bool = False) -> dict[str, list[Finding]]:
    """The findings of each check, by its name.

    Args:
        fix: make repairs that lose no data: half-written files, running totals, jobs whose worker died.
    """
    examination = Examination(workspace, fix)
    found: dict[str, list[Finding]] = {name: [] for name in CHECKS}
    for name, check in CHECKS.items():
        try:
            for problem in check(examination):
                found[name].append(Finding(name, problem.what, problem.fixed))
        # A check that fails is a finding: rows of a damaged database may hold anything, and files vanish.
        except FineTuningError as error:
            found[name].append(Finding(name, str(error)))
        except (ValueError, TypeError, LookupError, OSError) as error:
            found[name].append(Finding(name, f"could not be checked completely: {type(error).__name__}: {error}"))
    return found


def _check_schema(examination: Examination) -> Iterable[Problem]:
    with examination.workspace.database.read() as tx:
        revision = schema.stored_revision(tx)
    if revision != schema.REVISIONS[-1]:
        yield Problem(f"the database has schema {revision}, this version works with {schema.REVISIONS[-1]}")


def _check_database(examination: Examination) -> Iterable[Problem]:
    return examination.read(integrity.damage)


def _check_registry(examination: Examination) -> Iterable[Problem]:
    return examination.read(integrity.registry)


def _check_cost_totals(examination: Examination) -> Iterable[Problem]:
    wrong = examination.read(integrity.totals)
    if wrong and examination.fix:
        with examination.workspace.database.write() as tx:
            integrity.recompute_totals(tx)
    return [Problem(problem.what, examination.fix) for problem in wrong]


def _check_files(examination: Examination) -> Iterable[Problem]:
    with examination.workspace.database.read() as tx:
        stored = integrity.stored_paths(tx)
    return [Problem(f"{what} is not at {path}") for what, path in stored if path and not Path(path).exists()]


def _check_weights(examination: Examination) -> Iterable[Problem]:
    """Whether the weights of deployed versions are those that were registered."""
    with examination.workspace.database.read() as tx:
        artifacts = integrity.deployed_artifacts(tx)
    for each in artifacts:
        path = artifact_file(each["kind"], each["path"])
        if each["sha256"] is not None and is_file(path) and weights_sha256(path) != each["sha256"]:
            shown = f"{each['model_name']} v{each['version']}"
            yield Problem(f"{shown} is deployed, but {path} is not what it was registered with")


def _check_leftovers(examination: Examination) -> Iterable[Problem]:
    """Half-written files of killed processes, and what no row refers to."""
    home, now = examination.workspace.settings.home.absolute(), time.time()
    for folder in ("datasets", "files", "artifacts", "models", "evaluations"):
        for path, temporary in leftovers.walk(home / folder):
            is_dataset = folder == "datasets" and path.is_dir()
            if temporary and _age(path, now) > (LEFTOVER_DATASET_SECONDS if is_dataset else LEFTOVER_SECONDS):
                if examination.fix:
                    _remove(path)
                yield Problem(f"half-written: {path}", examination.fix)
    for path, is_safe_to_remove in _without_row(examination, home):
        if _age(path, now) > LEFTOVER_SECONDS:
            if is_safe_to_remove and examination.fix:
                _remove(path)
            hint = "; build it again" if path.is_dir() and not is_safe_to_remove else ""
            yield Problem(f"no row refers to {path}{hint}", is_safe_to_remove and examination.fix)


def _without_row(examination: Examination, home: Path) -> Iterable[tuple[Path, bool]]:
    """Uploads, datasets and winners without a row, and whether nothing is lost where one is removed."""
    with examination.workspace.database.read() as tx:
        known = {path for _, path in integrity.stored_paths(tx)} | uploads.part_paths(tx)
    found = [(path, True) for path in leftovers.of_winners(home / "artifacts")]
    found += [(path, False) for path in sorted((home / "files").glob("file-*"))]
    found += [(part, True) for part in sorted((home / "files").glob("part_*"))]  # nobody can complete their uploads
    found += [(built.parent, False) for built in sorted((home / "datasets").glob(f"**/{manifest.FILE}"))]
    # One that is being replaced is as old as its content: to remove it might be to lose it.
    found += [(path, False) for path in leftovers.of_earlier_datasets(home / "datasets")]
    return [(path, is_safe) for path, is_safe in found if str(path) not in known]


def _age(path: Path, now: float) -> float:
    """Seconds since a file, or anything in a folder, changed; 0 if it has been finished or removed meanwhile."""
    try:
        return now - leftovers.last_change(path)
    except FileNotFoundError:
        return 0.0


def _remove(path: Path) -> None:
    with translated_os_errors(path, "remove"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _check_jobs(examination: Examination) -> Iterable[Problem]:
    with examination.workspace.database.read() as tx:
        abandoned = job_queue.abandoned(tx)
    for job_id in abandoned:
        if examination.fix:
            with examination.workspace.database.write() as tx:
                job_queue.mark_abandoned(tx, job_id)
        what = f"{job_id} counts as running, but its worker is gone; resume it with: ft-cli jobs resume {job_id}"
        yield Problem(what, examination.fix)


def _check_clock(examination: Examination) -> Iterable[Problem]:
    with examination.workspace.database.read() as tx:
        problem = database_clock.problem(tx)
    if problem is not None:
        yield Problem(f"{problem}: set it; until then this machine takes no jobs and no batches")


CHECKS: dict[str, Callable[[Examination], Iterable[Problem]]] = {
    "schema": _check_schema,
    "database": _check_database,
    "registry": _check_registry,
    "totals of costs": _check_cost_totals,
    "files": _check_files,
    "weights": _check_weights,
    "left-over files": _check_leftovers,
    "jobs": _check_jobs,
    "clock": _check_clock,
}
"""Checks by name; the names are keys of `ft-cli doctor --json`."""
