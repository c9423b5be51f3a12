"""The rows of a file that cannot be trained on, told together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        raise DataError(f"{self._file} {summary(self._found, len(self._found))}")


def summary(problems: Sequence[str], lines: int) -> str:
    """The first `MAX_TOLD` problems of so many bad lines of a file."""
    more = f"; and {len(problems) - MAX_TOLD} more" if len(problems) > MAX_TOLD else ""
    return f"has {'1 bad line' if lines == 1 else f'{lines} bad lines'}: {'; '.join(problems[:MAX_TOLD])}{more}"
