"""Whether all is well with a workspace: each check says what it found, and mends what can be mended safely."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from fine_tuning._util.files import explained, is_file, sha256_file
from fine_tuning.errors import FineTuningError
from fine_tuning.registry.deployment_gates import weights_file
from fine_tuning.settings import get_settings
from fine_tuning.store import integrity, job_queue, schema
from fine_tuning.store.database import Database
from fine_tuning.workflows.maintenance import leftovers

SHOWN = 20  # of each check's findings
LEFT_OVER_SECONDS = 3600.0  # after which a half-written file belongs to nobody any more
LEFT_OVER_PLAN_SECONDS = 86400.0  # a large plan compares rows for long before it writes on in a data set's folder


class Finding(NamedTuple):
    """One thing that is not well.

    Attributes:
        check: the check's name.
        what: in a line.
        fixed: whether it is well now.
    """

    check: str
    what: str
    fixed: bool = False


def examine(database: Database, *, fix: bool = False) -> dict[str, list[Finding]]:
    """The findings of each check; none where all is well.

    Args:
        fix: mend what loses nothing: half-written files, running totals, jobs whose worker died.
    """
    checks: dict[str, Callable[[Database, bool], Iterable[Finding]]] = {
        "schema": _schema,
        "database": _database,
        "registry": _registry,
        "totals of costs": _totals,
        "files": _missing,
        "weights": _weights,
        "left-over files": _left_over,
        "jobs": _jobs,
    }
    found: dict[str, list[Finding]] = {name: [] for name in checks}
    for name, check in checks.items():
        try:
            found[name].extend(check(database, fix))
        # A check that cannot be made is a finding: rows of a damaged database may hold anything, and files vanish.
        except FineTuningError as error:
            found[name].append(Finding(name, str(error)))
        except (ValueError, TypeError, LookupError, OSError) as error:
            found[name].append(Finding(name, f"could not be looked at to the end: {type(error).__name__}: {error}"))
    return found


def _schema(database: Database, fix: bool) -> Iterable[Finding]:  # noqa: ARG001
    with database.read() as tx:
        revision = schema.stored_revision(tx)
    if revision != schema.REVISIONS[-1]:
        yield Finding("schema", f"the database has schema {revision}, this version works with {schema.REVISIONS[-1]}")


def _database(database: Database, fix: bool) -> Iterable[Finding]:  # noqa: ARG001
    with database.read() as tx:
        return [Finding("database", what) for what in integrity.damage(tx)]


def _registry(database: Database, fix: bool) -> Iterable[Finding]:  # noqa: ARG001
    with database.read() as tx:
        return [Finding("registry", what) for what in integrity.registry(tx)]


def _totals(database: Database, fix: bool) -> Iterable[Finding]:
    with database.read() as tx:
        wrong = integrity.totals(tx)
    if wrong and fix:
        with database.write() as tx:
            integrity.mend_totals(tx)
    return [Finding("totals of costs", what, fix) for what in wrong]


def _missing(database: Database, fix: bool) -> Iterable[Finding]:  # noqa: ARG001
    with database.read() as tx:
        kept = integrity.kept_files(tx)
    return [Finding("files", f"{what} is not at {path}") for what, path in kept if path and not Path(path).exists()]


def _weights(database: Database, fix: bool) -> Iterable[Finding]:  # noqa: ARG001
    """Of deployed versions whether the weights are those that were registered."""
    with database.read() as tx:
        made = integrity.deployed_artifacts(tx)
    for each in made:
        path = weights_file(each["kind"], each["path"])
        if each["sha256"] is not None and is_file(path) and sha256_file(path) != each["sha256"]:
            shown = f"{each['model_name']} v{each['version']}"
            yield Finding("weights", f"{shown} is deployed, but {path} is not what it was registered with")


def _left_over(database: Database, fix: bool) -> Iterable[Finding]:
    """Half-written files of processes that were killed, and uploads that no row speaks of."""
    home, now = get_settings().home.absolute(), time.time()
    for folder in ("datasets", "files", "artifacts", "models", "evaluations"):
        for path, temporary in leftovers.walk(home / folder):
            is_plan = folder == "datasets" and path.is_dir()
            if temporary and _age(path, now) > (LEFT_OVER_PLAN_SECONDS if is_plan else LEFT_OVER_SECONDS):
                if fix:
                    _remove(path)
                yield Finding("left-over files", f"half-written: {path}", fix)
    with database.read() as tx:
        known = {path for _, path in integrity.kept_files(tx)}
    for path in sorted((home / "files").glob("file-*")):
        if str(path) not in known and _age(path, now) > LEFT_OVER_SECONDS:
            yield Finding("left-over files", f"no row speaks of {path}")


def _age(path: Path, now: float) -> float:
    """Seconds since it, or anything in it, was changed; 0 where it is gone by now, finished by whoever writes it."""
    try:
        return now - leftovers.last_change(path)
    except FileNotFoundError:
        return 0.0


def _remove(path: Path) -> None:
    with explained(path, "remove"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _jobs(database: Database, fix: bool) -> Iterable[Finding]:
    with database.read() as tx:
        dead = job_queue.abandoned(tx)
    for job_id in dead:
        if fix:
            with database.write() as tx:
                job_queue.mark_abandoned(tx, job_id)
        what = f"{job_id} counts as running, but its worker is gone; ft-cli jobs resume {job_id} goes on with it"
        yield Finding("jobs", what, fix)
