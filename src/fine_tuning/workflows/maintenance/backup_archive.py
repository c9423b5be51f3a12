"""Read the archive of a backup: a zip with a manifest. Damage is reported in one line."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import BaseModel, ConfigDict, Field

from fine_tuning._util.files import open_to_read, parse_json
from fine_tuning.errors import DataError, FineTuningError
from fine_tuning.store.dump import Row

FOLDERS = ("datasets", "files", "artifacts", "evaluations")  # base models can be fetched again
MANIFEST = "manifest.json"
FORMAT = 1
PIECE = 1 << 20
MAX_TEXT_BYTES = 256 << 20  # of the manifest and of a row: a small archive may unpack to more than there is memory
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# What `zipfile` raises for damaged bytes, as observed with flipped bits: a position before the file's start is an
# OSError, a name that is not UTF-8 a ValueError, an entry that claims to be encrypted a RuntimeError.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    RuntimeError,
    OverflowError,
)


class Member(BaseModel):
    """A file of the backup."""

    sha256: str


class Manifest(BaseModel):
    """The manifest of a backup.

    Attributes:
        revision: the schema of its rows.
        home: the folder of the workspace that was backed up.
        homes: every path by which rows refer to that folder (it may be reached by links); empty in older backups.
        members: by name.
    """

    model_config = ConfigDict(frozen=True)

    revision: str = Field(alias="schema")
    home: str = Field(min_length=1)
    homes: list[str] = []
    members: dict[str, Member]


@contextmanager
def _damage_reported_as(message: str) -> Iterator[None]:
    """Replace what `zipfile` raises for damaged bytes.

    Raises:
        DataError: with this message.
    """
    try:
        yield
    except FineTuningError:
        raise
    except _DAMAGE:
        raise DataError(message) from None


def opened(stack: ExitStack, path: Path) -> zipfile.ZipFile:
    """Open a backup; the stack closes it.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not a backup.
    """
    stream: IO[bytes] = stack.enter_context(open_to_read(path))
    with _damage_reported_as(f"{path} is not a backup (ft-cli backup FILE makes one), or is truncated"):
        archive = stack.enter_context(zipfile.ZipFile(stream))
    if any(info.compress_type not in _METHODS for info in archive.infolist()):
        raise DataError(f"{path} is damaged: a file in it has an unexpected compression")
    return archive


def manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises:
        DataError: it is missing or damaged, of another format, or names files outside of a workspace.
    """
    unusable = f"{path} is not a backup: its manifest is missing or damaged"
    with _damage_reported_as(unusable), archive.open(MANIFEST) as stream:
        content = stream.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise DataError(f"{unusable} (it has more than {MAX_TEXT_BYTES >> 20} MiB)")
    try:
        parsed = parse_json(content)
    except DataError as error:
        raise DataError(f"{unusable} ({error})") from None
    if not isinstance(parsed, dict):
        raise DataError(unusable)
    if parsed.get("format") != FORMAT:
        raise DataError(f"{path} is a backup of format {parsed.get('format')}; this version reads format {FORMAT}")
    with _damage_reported_as(unusable):
        found = Manifest.model_validate(parsed)
    for name in found.members:
        if not _belongs(name):
            raise DataError(f"{path} names a file outside the workspace: {name}")
    return found


def _belongs(name: str) -> bool:
    """Whether a member is a table, or a file in a folder that backups hold."""
    parts = PurePosixPath(name).parts
    if ".." in parts or "\\" in name or "\0" in name:
        return False
    return parts[:1] == ("tables",) or (len(parts) > 2 and parts[0] == "workspace" and parts[1] in FOLDERS)


def check(archive: zipfile.ZipFile, expected: Manifest, path: Path) -> None:
    """Verify the checksum of each file.

    Raises:
        DataError: the checksum of a file is wrong.
    """
    for name, member in expected.members.items():
        digest = hashlib.sha256()
        for piece in pieces(archive, name, path):
            digest.update(piece)
        if digest.hexdigest() != member.sha256:
            raise DataError(f"{path} is damaged: the checksum of {name} is wrong")


def pieces(archive: zipfile.ZipFile, name: str, path: Path) -> Iterator[bytes]:
    """The bytes of one file of a backup.

    Raises:
        DataError: they cannot be read.
    """
    with _damage_reported_as(f"{path} is damaged: {name} cannot be read"), archive.open(name) as stream:
        while piece := stream.read(PIECE):
            yield piece


def rows(archive: zipfile.ZipFile, name: str, path: Path) -> Iterator[Row]:
    """The rows of one table of a backup.

    Raises:
        DataError: they cannot be read.
    """
    with _damage_reported_as(f"{path} is damaged: {name} cannot be read"), archive.open(name) as lines:
        while line := lines.readline(MAX_TEXT_BYTES + 1):
            if len(line) > MAX_TEXT_BYTES:
                raise DataError(f"{path} is damaged: {name} has a row of more than {MAX_TEXT_BYTES >> 20} MiB")
            row = json.loads(line)
            if not isinstance(row, dict):
                raise DataError(f"{path} is damaged: {name} has a line that is not a row")
            yield row
