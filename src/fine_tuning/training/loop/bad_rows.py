"""The rows of a file that cannot be trained on, told together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fine_tuning.errors import DataError

MAX_TOLD = 20


class BadRows:
    """Collects what is wrong with the rows of a file.

    Args:
        file: its name in the message.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[str] = []

    @contextmanager
    def line(self, number: int) -> Iterator[str]:
        """The name of a line for messages; an error about it is kept for `check`."""
        try:
            yield f"line {number}"
        except DataError as error:
            self._found.append(str(error))

    def check(self) -> None:
        """Refuse a file with bad rows.

        Raises:
            DataError: it names each of the first `MAX_TOLD`.
        """
        if not self._found:
            return
        if len(self._found) == 1:
            raise DataError(f"{self._file}, {self._found[0]}")
        more = f"; and {len(self._found) - MAX_TOLD} more" if len(self._found) > MAX_TOLD else ""
        raise DataError(f"{self._file} has {len(self._found)} bad lines: {'; '.join(self._found[:MAX_TOLD])}{more}")
