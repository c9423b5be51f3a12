"""Why a job failed or paused by itself: in words for every client of the server, and in detail for who runs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fine_tuning.errors import (
    ConfigurationError,
    DataError,
    FineTuningError,
    MissingDependencyError,
    NotFoundError,
    ProviderError,
    StorageError,
)
from fine_tuning.store.records.jobs import Job, JobError

_CODES: tuple[tuple[type[FineTuningError], str], ...] = (
    (NotFoundError, "not_found"),
    (DataError, "invalid_data"),
    (ConfigurationError, "invalid_configuration"),
    (MissingDependencyError, "missing_dependency"),
    (ProviderError, "host_error"),
    (StorageError, "storage_error"),
)


def of_training(error: FineTuningError, names: Mapping[str, str]) -> JobError:
    """What a user can mend.

    Args:
        names: of the files and folders, by their paths, which clients do not know.
    """
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "training_failed")
    message = str(error)
    for path in sorted(filter(None, names), key=len, reverse=True):
        message = message.replace(path, names[path])
    return _of(code, message, None if message == str(error) else str(error))


def of_base_model(job: Job, error: FineTuningError) -> JobError:
    """The base model is away, damaged, or its host cannot be reached."""
    name, shown = job["base_model"] or job["model"], job["model"]
    is_gone = Path(name).is_absolute() and not Path(name).exists()
    reason = "its folder is gone" if is_gone else str(error).replace(name, shown)
    code = "model_not_found" if isinstance(error, NotFoundError) else "model_unavailable"
    message = f"the base model {shown} cannot be loaded; resume the job when it can be: {reason}"
    return _of(code, message, None if name == shown else f"looked for at {name}")


def of_storage(explained: str) -> JobError:
    """Nothing is wrong with the job: with free space it can be resumed."""
    return _of("storage_error", "the job's files cannot be written; free some space, then resume the job", explained)


def internal(error: Exception, log: Path) -> JobError:
    """A bug."""
    message = "the trainer had an error of its own, which its log describes"
    return _of("internal_error", message, f"{type(error).__name__}: {error}; see {log}")


def in_detail(error: JobError | None) -> JobError | None:
    """The error as who runs the jobs reads it."""
    if error is None or not (detail := error.get("detail")):
        return error
    return {**error, "message": f"{error['message']} ({detail})"}


def _of(code: str, message: str, detail: str | None) -> JobError:
    return {"code": code, "message": message, "detail": detail}
