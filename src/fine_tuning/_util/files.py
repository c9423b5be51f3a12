"""Reading and writing files so that a failure leaves no half-written file and names what went wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from fine_tuning._util import locks
from fine_tuning._util.renames import exchange
from fine_tuning.errors import DataError, DiskFullError, NotFoundError, StorageError, UsageError

# The message of torch.save for a file that it could not finish, whatever the reason; in practice a full disk.
_TORCH_COULD_NOT_WRITE = re.compile(r"PytorchStreamWriter failed writing|inline_container\.cc.*unexpected pos")
_NUMPY_COULD_NOT_WRITE = re.compile(r"\d+ requested and \d+ written")  # of ndarray.tofile


def explain_os_error(error: OSError, path: Path | str, action: str) -> StorageError:
    """Translate an OSError into one line with advice."""
    hints = {
        errno.ENOSPC: "the disk is full; free some space and run again",
        errno.EROFS: "the file system is read-only; choose another folder with FINE_TUNING_HOME",
        errno.EACCES: "permission denied; choose another folder with FINE_TUNING_HOME or change its owner",
        errno.EPERM: "permission denied; choose another folder with FINE_TUNING_HOME or change its owner",
        errno.EISDIR: "it is a folder; name a file",
        errno.ENOTDIR: "a part of the path is a file, not a folder",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
        errno.EIO: "the disk fails or is full; check it and run again",
    }
    hint = hints.get(error.errno or 0, error.strerror or str(error))
    kind = DiskFullError if error.errno in {errno.ENOSPC, errno.EDQUOT} else StorageError
    return kind(f"cannot {action} {path}: {hint}")


def os_error_in(error: BaseException) -> OSError | None:
    """The OSError that an exception is or reports; None for another kind of error.

    The safetensors library writes "(os error 28)" in its own error type; torch and NumPy report only a failed write.
    """
    if isinstance(error, OSError) and not _NUMPY_COULD_NOT_WRITE.fullmatch(str(error)):
        return error
    if _NUMPY_COULD_NOT_WRITE.fullmatch(str(error)) or _TORCH_COULD_NOT_WRITE.search(str(error)):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    match = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(match[1]), os.strerror(int(match[1]))) if match else None


def disk_error_in(error: BaseException | None) -> OSError | None:
    """The OSError of a full, read-only or failing disk, in an exception or its causes; else None."""
    while error is not None:
        found = os_error_in(error)
        if found is not None and found.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}:
            return found
        error = error.__cause__
    return None


@contextmanager
def translated_os_errors(path: Path | str, action: str) -> Iterator[None]:
    """Translate errors of the operating system that the block raises.

    Raises:
        StorageError: in place of an OSError, or of a library's error that reports one.
    """
    try:
        yield
    except Exception as error:
        found = os_error_in(error)
        if found is None:
            raise
        raise explain_os_error(found, path, action) from error


def no_path(path: Path | str) -> UsageError:
    """What to raise for the ValueError with which Python answers a path that no system can have."""
    return UsageError(f"no path: {str(path)!r}; a path is text without NUL characters and halves of surrogate pairs")


def is_file(path: Path | str) -> bool:
    """Whether a path is a file.

    Raises:
        StorageError: a folder above it may not be entered, or the name is too long.
        UsageError: see `no_path`.
    """
    try:
        with translated_os_errors(path, "look for"):
            return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - Path.is_file differs between versions of Python
    except ValueError:
        raise no_path(path) from None
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return False
        raise


def make_folder(path: Path) -> Path:
    """Create `path` and its parents if needed.

    Raises:
        StorageError: the folder cannot be made.
        UsageError: see `no_path`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, path, "create folder") from error
    except ValueError:
        raise no_path(path) from None
    return path


MAX_KEYS = 5_000  # of an object in a request
PARTIAL = ".partial"  # the end of the name of everything half-written, by which `ft-cli doctor` knows it
OTHERS_READ, OWNER_READS = 0o644, 0o600  # permissions of a file


@contextmanager
def atomic_write(path: Path, mode: str = "w", permissions: int = OTHERS_READ) -> Iterator[IO[Any]]:
    """Write to a temporary neighbour and rename it over `path` on success; remove it on failure.

    Raises:
        StorageError: the disk is full, read-only, or the folder may not be written.
        UsageError: the path is a device or a pipe, which a file would replace, or none; see `no_path`.
    """
    _check_replaceable(path)
    make_folder(path.parent)
    encoding, errors = (None, None) if "b" in mode else ("utf-8", "replace")  # half a surrogate pair becomes ?
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=PARTIAL)
    except OSError as error:
        raise explain_os_error(error, path, "write") from error
    except ValueError:
        raise no_path(path) from None
    try:
        with os.fdopen(handle, mode, encoding=encoding, errors=errors) as stream:
            yield stream
        Path(temporary).chmod(permissions)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise explain_os_error(error, path, "write") from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _check_replaceable(path: Path) -> None:
    """Refuse what is neither a file nor a folder: root would have /dev/null replaced by a file."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # it is not there, or writing says what is wrong with it
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(f"{path} is a device or a pipe; name a file")


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside a path while the block runs, for what is written to it.

    Raises:
        StorageError: it cannot be made.
    """
    beside = make_folder(path.parent)
    with translated_os_errors(path, "write"):
        made = tempfile.TemporaryDirectory(dir=beside, prefix=f".{path.name[:100]}.", suffix=PARTIAL)
    with made as folder:
        yield Path(folder)


def create_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; one that exists is left as it is.

    Raises:
        StorageError: see `atomic_write`.
    """
    with temporary_folder(path) as folder:
        whole = folder / path.name
        with atomic_write(whole, permissions=OWNER_READS) as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        with translated_os_errors(path, "write"), suppress(FileExistsError):
            os.link(whole, path)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `folder` if the block succeeds, and is removed if it fails.

    Raises:
        ConflictError: another call is writing it.
    """
    temporary = make_folder(folder.with_name(f".{folder.name}{PARTIAL}"))
    with locks.held(temporary, f"{folder} is being written"):
        try:
            _empty(temporary)  # a process that was killed may have left files
            yield temporary
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        if not folder.is_dir():
            temporary.rename(folder)
            return
        with locks.held(folder, f"{folder} is being written"):  # at the temporary path nobody may write into it
            exchange(temporary, folder)
            if temporary.is_symlink():
                temporary.unlink()
            shutil.rmtree(temporary, ignore_errors=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_json(path: Path, value: object, indent: int | None = 2) -> None:
    """Write `value` as UTF-8 JSON, atomically."""
    with atomic_write(path) as stream:
        json.dump(value, stream, ensure_ascii=False, indent=indent)
        stream.write("\n")


def open_to_read(path: Path | str) -> IO[bytes]:
    """Open a file for reading bytes.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is a folder or may not be read.
        UsageError: see `no_path`.
    """
    try:
        return Path(path).open("rb")
    except ValueError:
        raise no_path(path) from None
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {path}; check the path (relative to {Path.cwd()})") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def parse_json(text: bytes, *, unique_keys: bool = False) -> Any:
    """Parse JSON in UTF-8, with or without a byte order mark.

    Args:
        unique_keys: whether an object that has a key twice is invalid, instead of keeping the last of its values; so is
            one with more keys than anyone needs.

    Raises:
        DataError: it is invalid; the message has the reason, the caller adds the place.
    """
    try:
        return json.loads(text.decode("utf-8-sig"), object_pairs_hook=_unique if unique_keys else None)
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text (byte {error.start}); write it as UTF-8") from None
    except json.JSONDecodeError as error:
        at = f", line {error.lineno}" if error.lineno > 1 else ""
        raise DataError(f"not JSON ({error.msg}{at})") from None
    except RecursionError:
        raise DataError("not usable: it is nested too deeply") from None
    except DataError:
        raise
    except ValueError:
        raise DataError("not usable: a number has thousands of digits") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise DataError(f"not usable: an object has more than {MAX_KEYS:,} keys")
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = json.dumps(next(key for key in keys if keys.count(key) > 1))
        raise DataError(f"not usable: the key {twice} occurs more than once in an object")
    return found


def read_json(path: Path | str) -> Any:
    """Parse a JSON file.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not UTF-8 JSON.
    """
    with open_to_read(path) as stream:
        try:
            return parse_json(stream.read())
        except DataError as error:
            raise DataError(f"{path}: {error}") from None


class FileSignature(NamedTuple):
    """What changes when a file is written or replaced; nobody can choose its inode and time of change (nanoseconds)."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int
    device: int


def file_signature(path: Path) -> FileSignature:
    """The signature of a file, the one that a link names.

    Raises:
        NotFoundError: there is no such file.
    """
    try:
        facts = path.stat()
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {path}; check the path") from None
    return FileSignature(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with open_to_read(path) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
