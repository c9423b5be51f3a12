"""Text files that are not UTF-8, as UTF-8: UTF-16 by its mark or its zeros, and Windows-1252."""

from __future__ import annotations

import codecs
import io
import re
from typing import IO, Any, cast

SAMPLE_BYTES = 1 << 20
_LONG_RUN = re.compile(rb"[\x80-\xff]{4}")
_UTF8_PART = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{1,2}|[\xf0-\xf4][\x80-\xbf]{2}")
_ACCENTED = rb"\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff"
# Letters with accents and no others beside them, but for the French word; or a capital one right after a small letter.
_NOT_IN_WORDS = re.compile(
    rb"(?<![A-Za-z"
    + _ACCENTED
    + rb"])(?![\xc0\xe0][^"
    + _ACCENTED
    + rb"])["
    + _ACCENTED
    + rb"]+(?![A-Za-z'\x92"
    + _ACCENTED
    + rb"])"
    rb"|[a-z][\xc0-\xd6\xd8-\xde]"
)
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # in Windows-1252


def as_utf8(stream: IO[bytes]) -> IO[bytes]:
    """The stream, or one of its text in UTF-8 if its beginning is in another encoding that can be told."""
    buffered: Any = stream if hasattr(stream, "peek") else io.BufferedReader(cast("io.RawIOBase", stream), SAMPLE_BYTES)
    head = buffered.peek(4)[:4]
    encoding = _utf16(head)
    if encoding is None:
        return cast("IO[bytes]", buffered)
    return cast("IO[bytes]", io.BufferedReader(_Recoded(cast("IO[bytes]", buffered), encoding), SAMPLE_BYTES))


def windows_as_utf8(stream: IO[bytes]) -> IO[bytes]:
    """As `as_utf8`, also for Windows-1252, in which spreadsheets save CSV."""
    plain = as_utf8(stream)
    if isinstance(getattr(plain, "raw", None), _Recoded):
        return plain
    sampled = io.BufferedReader(_Rest(plain.read(SAMPLE_BYTES), plain), SAMPLE_BYTES)
    if is_windows(sampled.peek(SAMPLE_BYTES)):
        return cast("IO[bytes]", io.BufferedReader(_Recoded(cast("IO[bytes]", sampled), "cp1252"), SAMPLE_BYTES))
    return cast("IO[bytes]", sampled)


def is_windows(sample: bytes) -> bool:
    """Whether text is Windows-1252 rather than UTF-8 or the one-byte encoding of another alphabet.

    In the languages that it is for, letters with accents stand alone or in pairs among others; in Cyrillic, Greek or
    Arabic text whole words are above 127.
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return _LONG_RUN.search(sample) is None and _UNDEFINED.search(sample) is None
    return False


def line_as_utf8(text: bytes) -> bytes:
    """A line of JSON in UTF-8, if it is in Windows-1252 for sure; else as it is.

    JSON is UTF-8 but for what old tools write. A line is Windows-1252 for sure where no part of it is UTF-8, and its
    letters with accents are beside others as in a word. A line that is damaged UTF-8 is left to the checks.
    """
    if text.isascii():
        return text
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        if _UTF8_PART.search(text) or _NOT_IN_WORDS.search(text) or not is_windows(text):
            return text
        return text.decode("cp1252").encode("utf-8")
    return text


def _utf16(head: bytes) -> str | None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and head != codecs.BOM_UTF32_LE:
        return "utf-16"
    if len(head) == 4 and head[1] == head[3] == 0 and head[0] and head[2]:
        return "utf-16-le"
    return "utf-16-be" if len(head) == 4 and head[0] == head[2] == 0 and head[1] and head[3] else None


class _Recoded(io.RawIOBase):
    """The text of a stream in UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder(encoding)()
        self._left = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer."""
        target = memoryview(cast("bytearray", buffer))
        while not self._left:
            block = self._stream.read(SAMPLE_BYTES)
            self._left = self._decoder.decode(block, final=not block).encode("utf-8", "surrogatepass")
            if not block:
                break
        count = min(len(target), len(self._left))
        target[:count], self._left = self._left[:count], self._left[count:]
        return count

    def close(self) -> None:
        """Close the stream, too."""
        self._stream.close()
        super().close()


class _Rest(io.RawIOBase):
    """Bytes that were read before, and then the rest of their stream."""

    def __init__(self, first: bytes, stream: IO[bytes]) -> None:
        self._first, self._stream = first, stream

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer."""
        target = memoryview(cast("bytearray", buffer))
        if not self._first:
            self._first = self._stream.read(len(target))
        count = min(len(target), len(self._first))
        target[:count], self._first = self._first[:count], self._first[count:]
        return count

    def close(self) -> None:
        """Close the stream, too."""
        self._stream.close()
        super().close()
