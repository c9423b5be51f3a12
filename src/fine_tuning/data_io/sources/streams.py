"""The bytes of a file, local or in object storage, decompressed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import IO, cast

from fine_tuning._util.files import open_to_read
from fine_tuning.data_io.sources.paths import is_remote
from fine_tuning.errors import DataError

DECOMPRESSION_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)


def open_stored(name: str) -> IO[bytes]:
    """The bytes of a file or of an object in object storage, as they are stored.

    Raises:
        NotFoundError: there is no such file.
        DataError: it cannot be read.
    """
    if is_remote(name):
        from fine_tuning.data_io.sources.object_storage import open_remote  # loads pyarrow

        return open_remote(name)
    return open_to_read(name)


@contextmanager
def open_uncompressed(name: str) -> Iterator[IO[bytes]]:
    """The decompressed bytes of a file; the extension names the compression.

    Raises:
        NotFoundError: there is no such file.
        DataError: it cannot be read.
    """
    stream = open_stored(name)
    with stream, _decompressed(stream, name) as plain:
        yield plain


def _decompressed(stream: IO[bytes], name: str) -> IO[bytes]:
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


def zstandard() -> ModuleType:
    """The standard library's zstd module from Python 3.14 on, before that its backport."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


@dataclass
class Position:
    """The line or row that was read last; 0 before the first."""

    last: int = 0


@contextmanager
def read_position(name: str, unit: str) -> Iterator[Position]:
    """Give a position to update while a file is read; a read error in the block names it.

    Args:
        unit: what is counted, "line" or "row".

    Raises:
        DataError: the compressed data is damaged or truncated, or the file cannot be read any further.
    """
    position = Position()
    try:
        yield position
    except (*DECOMPRESSION_ERRORS, zstandard().ZstdError) as error:
        raise DataError(
            f"{name}, after {unit} {position.last}: the compressed file is damaged or truncated ({error}); "
            "download or copy it again"
        ) from None
    except OSError as error:
        raise DataError(
            f"{name}, after {unit} {position.last}: cannot be read any further ({error.strerror or error})"
        ) from None
