"""Two paths exchanged at once, so that a process that is killed leaves neither of them without its files."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_AT_THE_CURRENT_FOLDER = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE, see man 2 renameat2


def exchange(one: Path, other: Path) -> None:
    """Exchange two paths: on Linux in one step, elsewhere in three.

    Raises:
        OSError: a path may not be renamed.
    """
    if _exchanged(one, other):
        return
    aside = other.with_name(f"{one.name}.aside")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the system exchanged them; older ones and some file systems cannot."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux
        return False
    at = _AT_THE_CURRENT_FOLDER
    return bool(rename(at, os.fsencode(one), at, os.fsencode(other), ctypes.c_uint(_EXCHANGE)) == 0)
