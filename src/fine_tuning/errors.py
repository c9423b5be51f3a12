"""Every error this package raises on purpose.

    FineTuningError                 exit code 1
    ├── UsageError                  exit code 2: the call itself is wrong (also a ValueError)
    ├── NotFoundError               an unknown name, id, version or file (also a LookupError)
    ├── DataError                   a file or row that cannot be used (also a ValueError)
    ├── ConflictError               the state of the record forbids the change
    ├── ConfigurationError          a key, address or setting is missing or invalid
    ├── MissingDependencyError      an optional extra is not installed (also an ImportError)
    ├── ProviderError               a model host refused, failed or could not be reached
    │   └── RefusedError            it rejected the request itself, such as an invalid value
    │       └── ContextLengthError  the prompt exceeds the context length
    ├── TrainingError               a training run could not start or continue
    └── StorageError                the database or the disk refused (read-only, damaged, newer than the code)
        ├── DiskFullError           there is no space left
        └── UnavailableError        the database is locked or cannot be reached; it may be tried again

A message is one line: what is wrong, where, and what to do. The command line prints it without a traceback;
anything that is not a FineTuningError is a bug and crashes loudly.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution


class FineTuningError(Exception):
    """Base of all expected errors; `exit_code` is what `ft-cli` exits with."""

    exit_code = 1


class UsageError(FineTuningError, ValueError):
    """The arguments of the call are wrong."""

    exit_code = 2


class NotFoundError(FineTuningError, LookupError):
    """An unknown name; the message lists the known ones."""


class DataError(FineTuningError, ValueError):
    """A file or a row in it cannot be used; the message names file and line."""


class ConflictError(FineTuningError):
    """The record is in a state that forbids the change."""


class ConfigurationError(FineTuningError):
    """A key, an address or a setting is missing or invalid."""


class MissingDependencyError(FineTuningError, ImportError):
    """A package of an optional extra, or another optional package, is not installed."""

    def __init__(self, package: str, extra: str | None, purpose: str) -> None:
        self._arguments = (package, extra, purpose)
        super().__init__(f"{purpose} needs {package}: pip install {requirement(extra) if extra else package}")

    def __reduce__(self) -> tuple[type[MissingDependencyError], tuple[str, str | None, str]]:
        """Support pickling between processes."""
        return type(self), self._arguments


def requirement(extra: str) -> str:
    """What pip installs an extra of this project from: its checkout, where it was installed from one."""
    try:
        origin = json.loads(distribution("fine-tuning-pipeline").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    if "dir_info" not in origin:
        return f"'fine-tuning-pipeline[{extra}]'"
    is_editable = origin["dir_info"].get("editable", False)
    return f"{'-e ' if is_editable else ''}'.[{extra}]' in the project's checkout"


class ProviderError(FineTuningError):
    """A model host refused, failed or could not be reached."""


class RefusedError(ProviderError):
    """A model or its host rejected the request itself."""


class ContextLengthError(RefusedError):
    """The prompt exceeds the context length of the model."""


class TrainingError(FineTuningError):
    """A training run could not start or continue."""


class StorageError(FineTuningError):
    """The database or the disk refused the operation."""


class DiskFullError(StorageError):
    """There is no space left on the disk."""


class UnavailableError(StorageError):
    """The database is locked by another process, or cannot be reached; it may work later."""
