"""Bodies of HTTP without their content encodings, up to a size: a small compressed body may be a huge one.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-8.4
"""

from __future__ import annotations

import zlib

from fine_tuning.data_io.sources.streams import zstandard
from fine_tuning.errors import DataError

MAX_BYTES = 64 << 20
MOST_ENCODINGS = 4  # of one body, each of which may be as large as that; more than one is rare


class GarbledBodyError(DataError):
    """A body is not in the encoding that its header names."""


def decoded(raw: bytes, encodings: str) -> bytes:
    """A body as it was before it was encoded.

    Args:
        encodings: as in the header Content-Encoding, in lower case.

    Raises:
        GarbledBodyError: the body is not in an encoding.
        DataError: an encoding is unknown, or the body has more than `MAX_BYTES`, or there are more than
            `MOST_ENCODINGS`.
    """
    named = [each.strip() for each in encodings.split(",") if each.strip()]
    if len(named) > MOST_ENCODINGS:
        raise DataError(f"a body has {len(named):,} content encodings; up to {MOST_ENCODINGS} are read")
    for encoding in reversed(named):
        raw = _without(raw, encoding)
        if len(raw) > MAX_BYTES:
            raise DataError(f"a body has more than {MAX_BYTES >> 20} MiB without its compression")
    return raw


def _without(raw: bytes, encoding: str) -> bytes:
    try:
        if encoding in {"gzip", "x-gzip"}:
            return _gzip(raw)
        if encoding == "deflate":
            return _deflate(raw)
        if encoding == "br":
            return _brotli(raw)
        if encoding == "zstd":
            return _zstd(raw)
    except (zlib.error, ValueError) as error:
        raise GarbledBodyError(f"a body is no {encoding}: {error}") from None
    if encoding == "identity":
        return raw
    raise DataError(f"a body has the content encoding {encoding}, which is not read")


def _gzip(raw: bytes) -> bytes:
    found = bytearray()
    while raw and len(found) <= MAX_BYTES:  # several members may follow each other
        reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
        found += reader.decompress(raw, MAX_BYTES + 1 - len(found))
        raw = reader.unused_data.lstrip(b"\0")
    return bytes(found)


def _deflate(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(raw, MAX_BYTES + 1)
    except zlib.error:  # many servers leave out the frame that the specification demands
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, MAX_BYTES + 1)


def _brotli(raw: bytes) -> bytes:
    import brotli  # type: ignore[import-untyped]

    reader = brotli.Decompressor()
    found = bytearray()
    try:
        found += reader.process(raw, output_buffer_limit=MAX_BYTES + 1)
        # of a stream that broke off it holds back more than 32 KiB, and says that it waits for input
        while len(found) <= MAX_BYTES and not reader.is_finished():
            if not (more := reader.process(b"", output_buffer_limit=MAX_BYTES + 1 - len(found))):
                break
            found += more
    except brotli.error as error:
        raise ValueError(str(error)) from None
    return bytes(found)


def _zstd(raw: bytes) -> bytes:
    zstd = zstandard()
    reader, found = zstd.ZstdDecompressor(), bytearray()
    try:
        while raw and len(found) <= MAX_BYTES:
            found += reader.decompress(raw, MAX_BYTES + 1 - len(found))
            raw = reader.unused_data if reader.eof else b""
            reader = zstd.ZstdDecompressor() if raw else reader
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from None
    return bytes(found)
