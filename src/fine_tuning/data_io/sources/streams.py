"""Bytes of a file, local or remote, unpacked."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from fine_tuning._util.files import open_to_read
from fine_tuning.data_io.sources.paths import is_remote
from fine_tuning.errors import DataError

BROKEN = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """The unpacked bytes of a file.

    Raises:
        NotFoundError: there is no such file.
        DataError: it cannot be read; also later, where the compression breaks off or the host does.
    """
    if is_remote(name):
        from fine_tuning.data_io.sources.remote import open_remote

        stream = open_remote(name)
    else:
        stream = open_to_read(name)
    with stream, _unpacked(stream, name) as plain:
        yield plain


def _unpacked(stream: IO[bytes], name: str) -> IO[bytes]:
    name = name.lower()
    if name.endswith(".gz"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    if name.endswith(".bz2"):
        return cast("IO[bytes]", bz2.BZ2File(stream))
    if name.endswith(".xz"):
        return cast("IO[bytes]", lzma.LZMAFile(stream))
    if name.endswith(".zst"):
        return cast("IO[bytes]", zstandard().ZstdFile(stream))
    return stream


def zstandard() -> Any:
    """The standard library's module from Python 3.14 on, before that its backport."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


@contextmanager
def breaking_off(name: str, what: str, position: list[int]) -> Iterator[None]:
    """Say in one line where a file broke off while it was read; `position` holds how far that is."""
    try:
        yield
    except (*BROKEN, zstandard().ZstdError) as error:
        raise DataError(
            f"{name}, after {what} {position[0]}: the compressed file is damaged or ends too early ({error}); "
            "get it again"
        ) from None
    except OSError as error:
        raise DataError(f"{name}, after {what} {position[0]}: cannot be read on ({error.strerror or error})") from None
