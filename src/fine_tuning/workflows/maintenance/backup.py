"""Back up a workspace to one file, and restore it: a snapshot of its rows, and its files with checksums."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypedDict

from fine_tuning._util import locks
from fine_tuning._util.files import (
    OWNER_READS,
    atomic_write,
    is_file,
    make_folder,
    open_to_read,
    sha256_file,
    translated_os_errors,
)
from fine_tuning.errors import ConflictError, DataError, NotFoundError, UsageError
from fine_tuning.store import dump, integrity, schema
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.maintenance import backup_archive as archives
from fine_tuning.workflows.maintenance import leftovers
from fine_tuning.workflows.maintenance.backup_archive import FOLDERS, FORMAT, MANIFEST, PIECE, Manifest
from fine_tuning.workflows.maintenance.restored_paths import RestoredPaths, moved

OnMessage = Callable[[str], None]


class MemberFacts(TypedDict):
    """Checksum and size of a file of the backup."""

    sha256: str
    bytes: int


Members = dict[str, MemberFacts]


class BackupManifest(TypedDict):
    """The manifest as written; see `backup_archive.Manifest`.

    `gone_meanwhile` are files that were deleted while the backup was written; `outside` are files and folders that rows
    refer to outside of the workspace's folders, which the backup does not hold.
    """

    format: int
    schema: str | None
    home: str
    homes: list[str]
    created_at: str
    members: Members
    gone_meanwhile: list[str]
    outside: list[str]


class Restored(TypedDict):
    """The number of rows of each table, and of files; `outside` are paths that led out of the workspace."""

    tables: dict[str, int]
    files: int
    outside: list[str]


def write(workspace: Workspace, path: Path, on_message: OnMessage = lambda _: None) -> BackupManifest:
    """Back up the workspace while others may write to it. Returns the manifest.

    Raises:
        UsageError: the file would lie in a folder that is backed up, or replace the database.
        StorageError: the file cannot be written, or one of the workspace cannot be read.
    """
    home = workspace.settings.home.absolute()
    _refuse_inside(workspace.database, path, home)
    leftovers.remove_abandoned(path)
    # Others who can read it could read every captured call.
    with atomic_write(path, "wb", OWNER_READS) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        if locks.AVAILABLE:
            locks.try_lock(stream.fileno())
        with workspace.database.snapshot() as tx:
            revision = schema.stored_revision(tx)
            members = _add_tables(archive, tx, on_message)
            stored = [path for _, path in integrity.stored_paths(tx)]
        packed, gone = _add_files(archive, home, on_message)
        members |= packed
        homes = _spellings(home, stored)
        manifest: BackupManifest = {
            "format": FORMAT,
            "schema": revision,
            "home": str(home),
            "homes": homes,
            "created_at": datetime.now(UTC).isoformat(),
            "members": members,
            "gone_meanwhile": gone,
            "outside": _outside(stored, homes, packed),
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def _refuse_inside(database: Database, path: Path, home: Path) -> None:
    """Refuse a backup file in a folder that is backed up: it would contain itself."""
    is_file(path)  # reports an invalid path
    target = Path(os.path.realpath(path.parent)) / path.name
    for folder in FOLDERS:
        if target.is_relative_to(os.path.realpath(home / folder)):
            raise UsageError(f"{path} is inside {home / folder}, which is backed up; write the backup somewhere else")
    file = database.url.database if database.url.get_backend_name() == "sqlite" else None
    if file is not None and str(target) == os.path.realpath(file):
        raise UsageError(f"{path} is the database itself; write the backup somewhere else")


def _add_tables(archive: zipfile.ZipFile, tx: Transaction, on_message: OnMessage) -> Members:
    members = {}
    for table in dump.tables_of(tx):
        on_message(f"table {table.name}")
        lines = (dump.as_line(row).encode() + b"\n" for row in dump.rows(tx, table))
        members[f"tables/{table.name}.jsonl"] = _add(archive, f"tables/{table.name}.jsonl", lines)
    return members


def _add_files(archive: zipfile.ZipFile, home: Path, on_message: OnMessage) -> tuple[Members, list[str]]:
    """Pack the finished files. Returns the members, and the files deleted since the rows were read."""
    members, gone = {}, []
    for folder in FOLDERS:
        on_message(f"folder {folder}")
        for file, temporary in leftovers.walk(home / folder):
            if temporary or not file.is_file():
                continue
            name = f"workspace/{file.relative_to(home).as_posix()}"
            try:
                members[name] = _add(archive, name, _pieces(file))
            except NotFoundError:
                gone.append(name)
    return members, gone


def _pieces(file: Path) -> Iterator[bytes]:
    with open_to_read(file) as stream:
        while piece := stream.read(PIECE):
            yield piece


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterator[bytes]) -> MemberFacts:
    digest, size = hashlib.sha256(), 0
    first = next(pieces, b"")  # a deleted file raises here, before it has an entry
    with archive.open(zipfile.ZipInfo(name, datetime.now().timetuple()[:6]), "w", force_zip64=True) as stream:
        piece: bytes | None = first
        while piece:
            digest.update(piece)
            size += len(piece)
            stream.write(piece)
            piece = next(pieces, None)
    return {"sha256": digest.hexdigest(), "bytes": size}


def _spellings(home: Path, stored: Iterable[str]) -> list[str]:
    """Every path of the workspace's folder: as set, without links, and as in the paths of rows."""
    real = os.path.realpath(home)
    folders = {str(folder) for path in stored for folder in Path(path).parents if folder.is_absolute()}
    return sorted({str(home), real} | {folder for folder in folders if os.path.realpath(folder) == real})


def _outside(stored: Iterable[str], homes: Sequence[str], packed: Collection[str]) -> list[str]:
    """Existing paths of rows that were not packed, sorted."""
    inside = {str(each) for name in packed for each in (PurePosixPath(name), *PurePosixPath(name).parents)}
    names = [(home, "workspace") for home in homes]
    return sorted({path for path in stored if moved(path, names) not in inside and os.path.lexists(path)})


def restore(workspace: Workspace, path: Path, on_message: OnMessage = lambda _: None) -> Restored:
    """Restore a backup into an empty workspace and database. Nothing is written unless all checksums are right.

    Paths in rows that lead into the old workspace are changed to the new one, others into its folder `outside`. An
    interrupted restore can be repeated: files that are already restored are kept, and the rows are written last, in one
    transaction.

    Raises:
        DataError: it is not a backup, or damaged.
        ConflictError: the workspace or database is not empty.
    """
    home = workspace.settings.home.absolute()
    with ExitStack() as stack:
        archive = archives.opened(stack, path)
        manifest = archives.manifest(archive, path)
        on_message("checking checksums")
        archives.check(archive, manifest, path)
        _refuse_taken(home, manifest)
        paths = RestoredPaths({manifest.home, *filter(None, manifest.homes)}, home)
        counts = {}
        with workspace.database.write_unprepared() as tx:
            for table in dump.prepare(tx, manifest.revision):
                member = f"tables/{table.name}.jsonl"
                if member not in manifest.members:
                    raise DataError(f"{path} lacks the table {table.name}; it is damaged")
                on_message(f"table {table.name}")
                rows, name = archives.rows(archive, member, path), table.name
                counts[name] = dump.insert(tx, table, (paths.row(name, row) for row in rows))
            dump.finish(tx)
            files = _extract(archive, manifest, path, home, on_message)
            on_message("writing the rows")
    return {"tables": counts, "files": files, "outside": sorted(paths.outside)}


def _refuse_taken(home: Path, manifest: Manifest) -> None:
    """Refuse a workspace with other files than those of an interrupted restore, which have the backup's bytes."""
    for folder in FOLDERS:
        for file, _ in leftovers.walk(home / folder):
            if file.name == leftovers.RESTORING:
                continue
            member = manifest.members.get(f"workspace/{file.relative_to(home).as_posix()}")
            if member is None or not file.is_file() or sha256_file(file) != member.sha256:
                raise ConflictError(
                    f"{home / folder} is not empty ({file.relative_to(home / folder)} is not of this backup); "
                    "restore into a new folder (FINE_TUNING_HOME)"
                )


def _extract(archive: zipfile.ZipFile, manifest: Manifest, path: Path, home: Path, on_message: OnMessage) -> int:
    """Write the missing files, each atomically. Returns the number of files in the backup."""
    files = [name for name in manifest.members if name.startswith("workspace/")]
    for number, name in enumerate(files, 1):
        on_message(f"file {number} of {len(files)}")
        target = home / PurePosixPath(name).relative_to("workspace")
        if os.path.lexists(target):  # with the right bytes, see `_refuse_taken`
            continue
        # A fixed name, so that a repeated restore overwrites what a killed one left.
        unfinished = make_folder(target.parent) / leftovers.RESTORING
        with translated_os_errors(target, "write"):
            with unfinished.open("wb") as stream:
                stream.writelines(archives.pieces(archive, name, path))
            unfinished.rename(target)
    return len(files)
