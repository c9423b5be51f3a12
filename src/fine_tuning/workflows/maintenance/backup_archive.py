"""A backup's file as it is read: a zip with a manifest. Whatever is wrong with it is told in one line."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, Field

from fine_tuning._util.files import open_to_read, parse_json
from fine_tuning.errors import DataError, FineTuningError

FOLDERS = ("datasets", "files", "artifacts", "evaluations")  # base models can be fetched again
MANIFEST = "manifest.json"
FORMAT = 1
PIECE = 1 << 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# What `zipfile` raises of damaged bytes, as seen with flipped bits: a place before the file's start is an OSError,
# a name that is not UTF-8 a ValueError, an entry that claims to be encrypted a RuntimeError.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, LookupError, ValueError, RuntimeError,
    OverflowError,
)  # fmt: skip


class Member(BaseModel):
    """What the manifest says of one file of the backup."""

    sha256: str


class Manifest(BaseModel):
    """What a backup says of itself.

    Attributes:
        revision: the schema of its rows.
        home: the folder of the workspace that was backed up.
        homes: every way in which rows name that folder (links may lead to it); of older backups empty.
        members: by name.
    """

    model_config = ConfigDict(frozen=True)

    revision: str = Field(alias="schema")
    home: str = Field(min_length=1)
    homes: list[str] = []
    members: dict[str, Member]


@contextmanager
def _told(message: str) -> Iterator[None]:
    """Say in one line that bytes read in the block are damaged.

    Raises:
        DataError: instead of what `zipfile` raises.
    """
    try:
        yield
    except FineTuningError:
        raise
    except _DAMAGE:
        raise DataError(message) from None


def opened(stack: ExitStack, path: Path) -> zipfile.ZipFile:
    """A backup, closed with the stack.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is no backup.
    """
    stream: IO[bytes] = stack.enter_context(open_to_read(path))
    with _told(f"{path} is no backup (ft-cli backup FILE makes one), or it was cut off"):
        archive = stack.enter_context(zipfile.ZipFile(stream))
    if any(info.compress_type not in _METHODS for info in archive.infolist()):
        raise DataError(f"{path} is damaged: a file in it is compressed as no backup is")
    return archive


def manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    """What a backup says of itself.

    Raises:
        DataError: that is missing or damaged, of another format, or names files outside of a workspace.
    """
    unusable = f"{path} is no backup: its manifest is missing or damaged"
    with _told(unusable):
        read = archive.read(MANIFEST)
    try:
        told = parse_json(read)
    except DataError as error:
        raise DataError(f"{unusable} ({error})") from None
    if not isinstance(told, dict):
        raise DataError(unusable)
    if told.get("format") != FORMAT:
        raise DataError(f"{path} is a backup of format {told.get('format')}, this version reads {FORMAT}")
    with _told(unusable):
        found = Manifest.model_validate(told)
    for name in found.members:
        if not _belongs(name):
            raise DataError(f"{path} names a file outside the workspace: {name}")
    return found


def _belongs(name: str) -> bool:
    """Whether a member is a table, or a file of those folders that a backup holds."""
    parts = PurePosixPath(name).parts
    if ".." in parts or "\\" in name or "\0" in name:
        return False
    return parts[:1] == ("tables",) or (len(parts) > 2 and parts[0] == "workspace" and parts[1] in FOLDERS)


def check(archive: zipfile.ZipFile, wanted: Manifest, path: Path) -> None:
    """Read all of it.

    Raises:
        DataError: a file in it is not what was backed up.
    """
    for name, member in wanted.members.items():
        digest = hashlib.sha256()
        for piece in pieces(archive, name, path):
            digest.update(piece)
        if digest.hexdigest() != member.sha256:
            raise DataError(f"{path} is damaged: {name} is not what was backed up")


def pieces(archive: zipfile.ZipFile, name: str, path: Path) -> Iterator[bytes]:
    """The bytes of one file of a backup.

    Raises:
        DataError: they cannot be read.
    """
    with _told(f"{path} is damaged: {name} cannot be read"), archive.open(name) as stream:
        while piece := stream.read(PIECE):
            yield piece


def rows(archive: zipfile.ZipFile, name: str, path: Path) -> Iterator[dict[str, Any]]:
    """The rows of one table of a backup.

    Raises:
        DataError: they cannot be read.
    """
    with _told(f"{path} is damaged: {name} cannot be read"), archive.open(name) as lines:
        for line in lines:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise DataError(f"{path} is damaged: {name} has a line that is no row")
            yield row
