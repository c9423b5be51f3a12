"""The files that a relocation trains and tests on."""

from __future__ import annotations

from pathlib import Path

from fine_tuning._util.files import make_folder
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import DataError, NotFoundError
from fine_tuning.store import files, jobs
from fine_tuning.store.records.relocations import RelocationData
from fine_tuning.workflows.relocation import held_out
from fine_tuning.workflows.relocation.relocation_run import RelocationRun

_PAID_STEPS = ("file", "job", "trained", "version")


def relocation_files(run: RelocationRun) -> RelocationData:
    """The files to train and to test on: those of the old version's job.

    A split of an earlier run that is damaged or missing is made again, and so are the steps that used it. A test file
    is the one that the plan names, whatever an earlier run has recorded: a restored row names none outside.

    Raises:
        NotFoundError: the training data is not here.
        ConflictError: there is no test file, and too little data to hold some out.
    """
    data = run.steps.run("data", lambda: _find_files(run))
    if run.plan.test_file is not None:
        return {**data, "test": str(Path(run.plan.test_file).absolute()), "held_out": False}
    if not data["held_out"]:
        return data
    try:
        for path in (data["train"], data["test"]):
            read_rows(path)
    except (DataError, NotFoundError):
        run.steps.keep_only(_PAID_STEPS if run.steps.has("job") else ())
        return run.steps.run("data", lambda: _find_files(run))
    return data


def _find_files(run: RelocationRun) -> RelocationData:
    with run.workspace.database.read() as tx:
        job = jobs.get(tx, run.old["job_id"])
        train = None if job is None else files.get(tx, job["training_file_id"])
        named = None if job is None or not job["validation_file_id"] else files.get(tx, job["validation_file_id"])
    if train is None or not Path(train["path"]).is_file():
        data = f"the training data of {run.old_name} (job {run.old['job_id']})"
        raise NotFoundError(f"{data} is not on this machine; ft-cli openai export fetches the files of an account")
    test = run.plan.test_file or (Path(named["path"]) if named and Path(named["path"]).is_file() else None)
    if test is not None:
        return {"train": train["path"], "test": str(Path(test).absolute()), "held_out": False}
    return _split(run, Path(train["path"]))


def _split(run: RelocationRun, path: Path) -> RelocationData:
    """Hold out a part of the training data for the test, where there is no test file."""
    folder = make_folder(run.workspace.folder("datasets") / "relocations")
    train, test = (folder / f"{run.steps.relocation_id}.{name}.jsonl" for name in ("train", "test"))
    held_out.split(path, train=train, test=test)
    return {"train": str(train), "test": str(test), "held_out": True}
