"""Text files in any encoding as UTF-8: as it is given, UTF-16 by its mark or its zeros, another one by its words."""

from __future__ import annotations

import codecs
import io
import re
from typing import IO, NamedTuple, cast

from fine_tuning.data_io.sources import other_files
from fine_tuning.data_io.sources.encoding_detection import LATIN, encoding_of
from fine_tuning.data_io.sources.raw_row import MAX_ROW_BYTES
from fine_tuning.errors import DataError, UsageError

SAMPLE_BYTES = 1 << 20
_UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_BY_ZEROS = {
    (False, True, True, True) * 2: "utf-32-le",
    (True, True, True, False) * 2: "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
_CONVERT = "save the file as UTF-8, or import it with --encoding and the name of its encoding"


class TextFile(NamedTuple):
    """The text of a file in UTF-8.

    Attributes:
        assumed: the encoding that the file was taken to have; None for UTF-8, UTF-16 and one that was given.
    """

    stream: IO[bytes]
    assumed: str | None = None


def check_encoding(name: str) -> str:
    """Return the name of a known encoding of text.

    Raises:
        UsageError: it is unknown.
    """
    try:
        "".encode(name)
    except LookupError:
        raise UsageError(f"unknown encoding {name!r}; use a name such as cp1250, shift_jis or gb18030") from None
    return name


def as_utf8(stream: IO[bytes], file: str, given: str | None = None, *, is_table: bool = False) -> TextFile:
    """The text of a file. Bytes that are not UTF-8 in text that mostly is stay, for the checks to name their rows.

    Args:
        given: the encoding, if it is known.
        is_table: all rows are in one encoding; lines of JSON that nobody can read may stand beside others.

    Raises:
        DataError: the file is no text, or in another encoding, which cannot be told; the message says what it is.
    """
    has_parts = hasattr(stream, "peek") and hasattr(stream, "read1")  # of a damaged file, what is before the damage
    parts = cast("io.BufferedReader", stream if has_parts else io.BufferedReader(cast("io.RawIOBase", stream)))
    other_files.refuse(file, parts.peek(other_files.HEAD_BYTES)[: other_files.HEAD_BYTES])
    if given is not None:
        return TextFile(_recoded(parts, given, file))
    if (encoding := _utf16_or_32(parts.peek(8)[:8])) is not None:
        return TextFile(_recoded(parts, encoding, file))
    rest = _Rest(parts)
    sample, stream = rest.sample, cast("IO[bytes]", io.BufferedReader(rest, SAMPLE_BYTES))
    if _is_utf8(sample):
        return TextFile(stream)
    found = [] if _is_stray(sample) else encoding_of(sample)
    if isinstance(found, str):
        return TextFile(_recoded(stream, found, file), found)
    if not is_table:
        return TextFile(stream)
    may_be = f"it may be {', '.join(found)}" if found else "its encoding cannot be told"
    raise DataError(f"{file}, {_first_other(sample)} is not UTF-8, and {may_be}; {_CONVERT}")


def _is_utf8(sample: bytes) -> bool:
    """Whether text is UTF-8, but for less bytes that are not than it has characters beyond ASCII."""
    if sample.isascii():
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        characters = len(_UTF8_CHARACTER.findall(sample))
        others = sum(byte > 0x7F for byte in _UTF8_CHARACTER.sub(b"", sample))
        return characters >= others
    return True


def _is_stray(sample: bytes) -> bool:
    """Whether the only bytes that are not UTF-8 are 0xFF, which is a letter of hardly any word."""
    return all(byte == 0xFF for byte in _UTF8_CHARACTER.sub(b"", sample) if byte > 0x7F)


def _first_other(sample: bytes) -> str:
    """The place of the first byte that is not UTF-8."""
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        line = sample.count(b"\n", 0, error.start) + 1
        return f"line {line}: byte {error.start} (0x{sample[error.start]:02X})"
    return "a byte"


def _recoded(stream: IO[bytes], encoding: str, file: str) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(_Recoded(stream, encoding, file), SAMPLE_BYTES))


def _utf16_or_32(head: bytes) -> str | None:
    """UTF-16 or UTF-32, by its mark, or by the zeros of its first characters, which JSON and CSV have in ASCII."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [byte == 0 for byte in head]
    return _BY_ZEROS.get(tuple(zeros[:8])) or _BY_ZEROS.get(tuple(zeros[:4]))


def _is_utf8_line(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Recoded(io.RawIOBase):
    """The text of a stream in UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str, file: str) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder(encoding)()
        self._left, self._read = b"", 0
        self._held = b""  # the beginning of a line
        self._has_utf8 = encoding in LATIN
        self._what = file, encoding

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer."""
        target = memoryview(cast("bytearray", buffer))
        while not self._left:
            block = self._stream.read(SAMPLE_BYTES)
            self._left = self._in_lines(block) if self._has_utf8 else self._decoded(block)
            self._read += len(block)
            if not block:
                break
        count = min(len(target), len(self._left))
        target[:count], self._left = self._left[:count], self._left[count:]
        return count

    def _in_lines(self, block: bytes) -> bytes:
        """The lines of a file that was joined from several: one that is UTF-8 stays as it is."""
        text = self._held + block
        cut = text.rfind(b"\n") + 1 if block and len(self._held) < MAX_ROW_BYTES else len(text)
        self._held = text[cut:]
        if text[:cut].isascii():
            return text[:cut]
        return b"".join(
            line if _is_utf8_line(line) else self._decoded(line) for line in text[:cut].splitlines(keepends=True)
        )

    def _decoded(self, block: bytes) -> bytes:
        try:
            return self._decoder.decode(block, final=not block).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            file, encoding = self._what
            at = self._read + error.start - (len(error.object) - len(block))
            raise DataError(f"{file}, byte {at}: not {encoding} text ({error.reason}); {_CONVERT}") from None

    def close(self) -> None:
        """Close the stream, too."""
        self._stream.close()
        super().close()


class _Rest(io.RawIOBase):
    """A stream whose beginning was read before as a sample; where that failed, the failure comes behind it."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._failure: Exception | None = None
        blocks: list[bytes] = []
        try:
            while sum(map(len, blocks)) < SAMPLE_BYTES and (block := stream.read1(SAMPLE_BYTES)):
                blocks.append(block)
        except Exception as error:  # noqa: BLE001 - raised behind what was read
            self._failure = error
        self.sample = self._first = b"".join(blocks)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer."""
        target = memoryview(cast("bytearray", buffer))
        if not self._first and self._failure is not None:
            raise self._failure
        if not self._first:
            self._first = self._stream.read1(len(target))
        count = min(len(target), len(self._first))
        target[:count], self._first = self._first[:count], self._first[count:]
        return count

    def close(self) -> None:
        """Close the stream, too."""
        self._stream.close()
        super().close()
