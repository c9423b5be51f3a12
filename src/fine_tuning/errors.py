"""Every error this package raises on purpose.

    FineTuningError                 exit code 1
    ├── UsageError                  exit code 2: the call itself is wrong (also a ValueError)
    ├── NotFoundError               a name, id, version or file that does not exist (also a LookupError)
    ├── DataError                   a file or row that cannot be used (also a ValueError)
    ├── ConflictError               the state of the record forbids the change
    ├── ConfigurationError          a key, address or setting is missing or wrong
    ├── MissingDependencyError      an optional extra is not installed (also an ImportError)
    ├── ProviderError               a model host refused, failed or could not be reached
    │   └── RefusedError            it found the request itself wrong, such as a value that it does not take
    │       └── ContextLengthError  the prompt is longer than the model reads
    ├── TrainingError               a training run could not start or go on
    └── StorageError                the database or the disk refused (full, read-only, newer than the code)

A message is one line: what is wrong, where, and what to do. The command line prints it without a traceback;
anything that is not a FineTuningError is a bug and crashes loudly.
"""

from __future__ import annotations


class FineTuningError(Exception):
    """Base of all expected errors; `exit_code` is what `ft-cli` exits with."""

    exit_code = 1


class UsageError(FineTuningError, ValueError):
    """The arguments of the call are wrong."""

    exit_code = 2


class NotFoundError(FineTuningError, LookupError):
    """The thing named does not exist; the message lists what does."""


class DataError(FineTuningError, ValueError):
    """A file or a row in it cannot be used; the message names file and line."""


class ConflictError(FineTuningError):
    """The record is in a state that forbids the change."""


class ConfigurationError(FineTuningError):
    """A key, an address or a setting is missing or wrong."""


class MissingDependencyError(FineTuningError, ImportError):
    """A package that only some need is not installed: one of an extra, or (without one) of its own."""

    def __init__(self, package: str, extra: str | None, purpose: str) -> None:
        self._made_of = (package, extra, purpose)
        wanted = f"'fine-tuning-pipeline[{extra}]'" if extra else package
        super().__init__(f"{purpose} needs {package}: pip install {wanted}")

    def __reduce__(self) -> tuple[type[MissingDependencyError], tuple[str, str | None, str]]:
        """From one process to another."""
        return type(self), self._made_of


class ProviderError(FineTuningError):
    """A model host refused, failed or could not be reached."""


class RefusedError(ProviderError):
    """A model or its host found the request itself wrong."""


class ContextLengthError(RefusedError):
    """The prompt is longer than what the model reads."""


class TrainingError(FineTuningError):
    """A training run could not start or go on."""


class StorageError(FineTuningError):
    """The database or the disk refused the operation."""
