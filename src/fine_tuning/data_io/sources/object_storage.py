"""Object storage (s3://, gs://, ...), through Arrow's file systems; credentials as their clients find them."""

from __future__ import annotations

import io
from fnmatch import fnmatch
from typing import IO, TYPE_CHECKING

from fine_tuning.errors import DataError, NotFoundError, UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

BUFFER_BYTES = 1 << 20  # requested at once


def remote_files(address: str) -> list[str]:
    """The files of an address: itself, those below a prefix that ends in /, or those that match a glob.

    Raises:
        NotFoundError: there is none.
        UsageError: the address is of no known kind.
    """
    if not (address.endswith("/") or set("*?[") & set(address)):
        return [address]
    from pyarrow.fs import FileSelector

    scheme, _, rest = address.partition("://")
    folder = rest.rstrip("/") if address.endswith("/") else rest[: min(rest.find(c) for c in "*?[" if c in rest)]
    folder = folder if address.endswith("/") else folder.rpartition("/")[0]
    system, _ = _file_system(f"{scheme}://{folder}")
    try:
        found = system.get_file_info(FileSelector(folder, allow_not_found=True, recursive=True))
    except OSError as error:
        raise DataError(f"cannot list {address}: {_first_line(error)}") from None
    files = sorted(info.path for info in found if info.is_file and (address.endswith("/") or fnmatch(info.path, rest)))
    if not files:
        raise NotFoundError(f"no file at {address}")
    return [f"{scheme}://{path}" for path in files]


def open_remote(address: str) -> IO[bytes]:
    """The bytes at an address, seekable.

    Raises:
        NotFoundError: there is no such object.
        DataError: the host refuses.
    """
    system, path = _file_system(address)
    try:
        return io.BufferedReader(system.open_input_file(path), BUFFER_BYTES)  # Arrow's own files cannot read lines
    except FileNotFoundError:
        raise NotFoundError(f"no file at {address}") from None
    except OSError as error:
        raise DataError(f"cannot read {address}: {_first_line(error)}") from None


def _file_system(address: str) -> tuple[FileSystem, str]:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    try:
        system, path = FileSystem.from_uri(address)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"cannot read {address}: {_first_line(error)}; use s3://, gs:// or a file") from None
    except OSError as error:
        raise DataError(f"cannot read {address}: {_first_line(error)}") from None
    return system, path


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
