"""What a process that was killed leaves behind: half-written files and folders, told apart from a user's own by name.

`files.atomic_write` writes `.NAME.xxxxxxxx` (mode 600), a base model is fetched into a folder of such a name (mode
700), `files.written_whole` writes a folder `.NAME.partial`, and a restore a file `.restore.partial`.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from fine_tuning._util.files import explained
from fine_tuning.errors import StorageError

RESTORING = ".restore.partial"
_PARTIAL = re.compile(r"\..+\.partial", re.DOTALL)
# The eight characters of `tempfile`. One that is a word or a date (.project.settings, .notes.20261126) may be a user's:
# the few of ours that look so are left lying.
_MADE = re.compile(r"\..+\.(?=[^.]*[0-9_])(?=[^.]*[a-z])[a-z0-9_]{8}", re.DOTALL)


def is_temporary(path: Path) -> bool:
    """Whether it is of a name and kind that only our own half-written files and folders have."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # gone by now: it has been finished
        return False
    if stat.S_ISDIR(mode):
        named, permissions = _PARTIAL.fullmatch(path.name) is not None, 0o700
    elif stat.S_ISREG(mode):
        named, permissions = path.name == RESTORING, 0o600
    else:
        return False
    return named or (stat.S_IMODE(mode) == permissions and _MADE.fullmatch(path.name) is not None)


def walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """What is below a folder but folders, in order; links to folders are not followed.

    Yields:
        the path, and whether it is a temporary file, or a temporary folder as a whole.

    Raises:
        StorageError: a folder may not be read.
    """
    for path in _entries(folder):
        temporary = is_temporary(path)
        if path.is_dir() and not path.is_symlink() and not temporary:
            yield from walk(path)
        else:
            yield path, temporary


def _entries(folder: Path) -> list[Path]:
    try:
        with explained(folder, "read"):
            return sorted(folder.iterdir())
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):  # not there yet, or deleted meanwhile
            return []
        raise


def last_change(path: Path) -> float:
    """When a file, or anything in a folder, was changed last, in seconds since 1970.

    Raises:
        OSError: it is gone.
    """
    inside = path.rglob("*") if path.is_dir() else ()
    times: list[float] = [each.lstat().st_mtime for each in (path, *inside)]
    return max(times)
