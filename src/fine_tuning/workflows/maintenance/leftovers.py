"""Half-written files and folders of killed processes, recognized by their names.

`files.atomic_write` writes a file `.NAME.xxxxxxxx.partial`; `files.temporary_folder`, and what fetches a base model,
make a folder of such a name. `files.atomic_folder` writes a folder `.NAME.partial`,
a restore a file `.restore.partial`. Earlier releases wrote `.NAME.xxxxxxxx` (files of mode 600, folders of mode 700).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from fine_tuning._util import locks
from fine_tuning._util.files import is_file, translated_os_errors
from fine_tuning.datasets.earlier_versions import EARLIER
from fine_tuning.errors import StorageError

RESTORING = ".restore.partial"
_PARTIAL = re.compile(r"\..+\.partial", re.DOTALL)
_PARTIAL_FILE = re.compile(r"\..*\.[a-z0-9_]{8}\.partial", re.DOTALL)
# The eight random characters of `tempfile`. Words and dates (.project.settings, .notes.20261126) may be a user's own;
# the few of ours that look like one are kept.
_MADE = re.compile(r"\..+\.(?=[^.]*[0-9_])(?=[^.]*[a-z])[a-z0-9_]{8}", re.DOTALL)


# The folder of a winner, which its bake-off writes before it registers it.
_OF_WINNER = re.compile(r"(head|cascade over head|few-shot|prompt)-[0-9a-f]{12}")
# The second path of a saved dataset, which it gets before its row does.
_OF_EARLIER_DATASET = re.compile(r".+-[0-9a-f]{12}\.\w+", re.DOTALL)


def of_winners(artifacts: Path) -> list[Path]:
    """The folders of winners of bake-offs, registered or not.

    Raises:
        StorageError: the folder cannot be read.
    """
    return [path for path in _entries(artifacts) if _OF_WINNER.fullmatch(path.name) and path.is_dir()]


def of_earlier_datasets(datasets: Path) -> list[Path]:
    """The files of saved datasets that others have replaced, recorded or not.

    Raises:
        StorageError: the folder cannot be read.
    """
    return [path for path in _entries(datasets / EARLIER) if _OF_EARLIER_DATASET.fullmatch(path.name) and is_file(path)]


def is_temporary(path: Path) -> bool:
    """Whether name, kind and permissions are those of our own half-written files and folders."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # finished or removed meanwhile
        return False
    if stat.S_ISDIR(mode):
        named, permissions = _PARTIAL.fullmatch(path.name) is not None, 0o700
    elif stat.S_ISREG(mode):
        named = path.name == RESTORING or _PARTIAL_FILE.fullmatch(path.name) is not None
        permissions = 0o600
    else:
        return False
    return named or (stat.S_IMODE(mode) == permissions and _MADE.fullmatch(path.name) is not None)


def remove_abandoned(path: Path) -> None:
    """Remove what killed calls of `files.atomic_write` left of a file, where each call locks what it writes.

    Raises:
        StorageError: the folder may not be written.
    """
    if not locks.AVAILABLE:
        return
    for each in _entries(path.parent):
        if each.name.startswith(f".{path.name[:100]}.") and _PARTIAL_FILE.fullmatch(each.name) and is_temporary(each):
            with translated_os_errors(each, "remove"), each.open("rb") as stream:
                if locks.try_lock(stream.fileno()):
                    each.unlink(missing_ok=True)


def walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """The files below a folder, in order; links to folders are not followed.

    Yields:
        the path, and whether it is temporary; a temporary folder is yielded itself.

    Raises:
        StorageError: a folder cannot be read.
    """
    for path in _entries(folder):
        temporary = is_temporary(path)
        if path.is_dir() and not path.is_symlink() and not temporary:
            yield from walk(path)
        else:
            yield path, temporary


def _entries(folder: Path) -> list[Path]:
    try:
        with translated_os_errors(folder, "read"):
            return sorted(folder.iterdir())
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):  # not there yet, or deleted meanwhile
            return []
        raise


def last_change(path: Path) -> float:
    """The time of the last change of a file, or of anything in a folder, in seconds since 1970.

    Raises:
        OSError: it is gone.
    """
    inside = path.rglob("*") if path.is_dir() else ()
    times: list[float] = [each.lstat().st_mtime for each in (path, *inside)]
    return max(times)
