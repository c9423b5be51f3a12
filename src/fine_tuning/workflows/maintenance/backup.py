"""A workspace in one file: its rows as they were at one moment, and the files that they speak of, with checksums."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from fine_tuning._util.files import atomic_write, explained, is_file, make_folder, open_to_read, sha256_file
from fine_tuning.errors import ConflictError, DataError, NotFoundError, UsageError
from fine_tuning.settings import get_settings
from fine_tuning.store import dump, integrity, schema
from fine_tuning.store.database import Database, Transaction
from fine_tuning.workflows.maintenance import backup_archive as archives
from fine_tuning.workflows.maintenance import leftovers
from fine_tuning.workflows.maintenance.backup_archive import FOLDERS, FORMAT, MANIFEST, PIECE, Manifest

Told = Callable[[str], None]
Members = dict[str, dict[str, Any]]


def write(database: Database, path: Path, told: Told = lambda _: None) -> dict[str, Any]:
    """Back the workspace up, while others go on writing.

    Returns:
        The manifest; its `outside` lists files and folders that rows speak of and that are not in the backup, since
        they are not in the workspace's own folders.

    Raises:
        UsageError: the file would lie among those that are backed up, or in the database's place.
        StorageError: the file cannot be written, or one of the workspace cannot be read.
    """
    home = get_settings().home.absolute()
    _refuse_inside(database, path, home)
    with atomic_write(path, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with database.snapshot() as tx:
            revision = schema.stored_revision(tx)
            members = _add_tables(archive, tx, told)
            stored = [path for _, path in integrity.kept_files(tx)]
        packed, gone = _add_files(archive, home, told)
        members |= packed
        homes = _spellings(home, stored)
        manifest = {
            "format": FORMAT, "schema": revision, "home": str(home), "homes": homes,
            "created_at": datetime.now(UTC).isoformat(), "members": members, "gone_meanwhile": gone,
            "outside": _outside(stored, homes, packed),
        }  # fmt: skip
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def _refuse_inside(database: Database, path: Path, home: Path) -> None:
    """A backup among the files that it packs would pack itself, and grow without an end."""
    is_file(path)  # says what is wrong with a path that no file can have
    target = Path(os.path.realpath(path.parent)) / path.name
    for folder in FOLDERS:
        if target.is_relative_to(os.path.realpath(home / folder)):
            raise UsageError(f"{path} is inside {home / folder}, which is backed up; write the backup somewhere else")
    file = database.url.database if database.url.get_backend_name() == "sqlite" else None
    if file is not None and str(target) == os.path.realpath(file):
        raise UsageError(f"{path} is the database itself; write the backup somewhere else")


def _add_tables(archive: zipfile.ZipFile, tx: Transaction, told: Told) -> Members:
    members = {}
    for table in dump.tables_of(tx):
        told(f"table {table.name}")
        lines = (dump.as_line(row).encode() + b"\n" for row in dump.rows(tx, table))
        members[f"tables/{table.name}.jsonl"] = _add(archive, f"tables/{table.name}.jsonl", lines)
    return members


def _add_files(archive: zipfile.ZipFile, home: Path, told: Told) -> tuple[Members, list[str]]:
    """Pack what is whole. Returns the members, and which were deleted since the rows were read."""
    members, gone = {}, []
    for folder in FOLDERS:
        told(f"folder {folder}")
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


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterator[bytes]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    first = next(pieces, b"")  # a file that is gone raises here, before it has an entry
    with archive.open(zipfile.ZipInfo(name, datetime.now().timetuple()[:6]), "w", force_zip64=True) as stream:
        piece: bytes | None = first
        while piece:
            digest.update(piece)
            size += len(piece)
            stream.write(piece)
            piece = next(pieces, None)
    return {"sha256": digest.hexdigest(), "bytes": size}


def _spellings(home: Path, stored: Iterable[str]) -> list[str]:
    """Every way in which the workspace's folder is named: as set, without links, and as paths in rows have it."""
    real = os.path.realpath(home)
    folders = {str(folder) for path in stored for folder in Path(path).parents if folder.is_absolute()}
    return sorted({str(home), real} | {folder for folder in folders if os.path.realpath(folder) == real})


def _outside(stored: Iterable[str], homes: Sequence[str], packed: Collection[str]) -> list[str]:
    """Paths of rows where there is something that was not packed, sorted."""
    inside = {str(each) for name in packed for each in (PurePosixPath(name), *PurePosixPath(name).parents)}
    moved = [(home, "workspace") for home in homes]
    return sorted({path for path in stored if _moved(path, moved) not in inside and os.path.lexists(path)})


def restore(database: Database, path: Path, told: Told = lambda _: None) -> dict[str, Any]:
    """Put a backup into an empty workspace and database. Nothing is written unless all of it is as it was backed up.

    Paths in rows that lead into the old workspace lead into the new one afterwards. One that was cut off (the rows
    are kept last, all at once) can be repeated: files that are there already as the backup has them are let be.

    Returns:
        tables (rows of each) and files (how many).

    Raises:
        DataError: it is no backup, or damaged.
        ConflictError: the workspace or database is not empty.
    """
    home = get_settings().home.absolute()
    with ExitStack() as stack:
        archive = archives.opened(stack, path)
        manifest = archives.manifest(archive, path)
        told("checking checksums")
        archives.check(archive, manifest, path)
        _refuse_taken(home, manifest)
        olds = sorted({manifest.home, *filter(None, manifest.homes)}, key=len, reverse=True)
        moved = [(old, str(home)) for old in olds]
        counts = {}
        with database.write_unprepared() as tx:
            for table in dump.prepare(tx, manifest.revision):
                member = f"tables/{table.name}.jsonl"
                if member not in manifest.members:
                    raise DataError(f"{path} lacks the table {table.name}; it is damaged")
                told(f"table {table.name}")
                rows = archives.rows(archive, member, path)
                counts[table.name] = dump.insert(tx, table, (_moved(row, moved) for row in rows))
            dump.finish(tx)
            files = _extract(archive, manifest, path, home, told)
            told("keeping the rows")
    return {"tables": counts, "files": files}


def _refuse_taken(home: Path, manifest: Manifest) -> None:
    """Files may be there only as an earlier try left them, which was cut off: whole, with the backup's bytes."""
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


def _moved(value: Any, prefixes: Sequence[tuple[str, str]]) -> Any:
    """The value with paths into one folder leading into another; of prefixes that fit, the first counts."""
    if isinstance(value, str):
        for old, new in prefixes:
            if value.startswith(f"{old}/"):
                return new + value[len(old) :]
        return value
    if isinstance(value, dict):
        return {name: _moved(item, prefixes) for name, item in value.items()}
    return [_moved(item, prefixes) for item in value] if isinstance(value, list) else value


def _extract(archive: zipfile.ZipFile, manifest: Manifest, path: Path, home: Path, told: Told) -> int:
    """Write the files that are not there yet, each whole or not at all. Returns how many the backup has."""
    files = [name for name in manifest.members if name.startswith("workspace/")]
    for number, name in enumerate(files, 1):
        told(f"file {number} of {len(files)}")
        target = home / PurePosixPath(name).relative_to("workspace")
        if os.path.lexists(target):  # its bytes were compared
            continue
        # A fixed name: what is left of one that was killed is overwritten by the next.
        unfinished = make_folder(target.parent) / leftovers.RESTORING
        with explained(target, "write"):
            with unfinished.open("wb") as stream:
                stream.writelines(archives.pieces(archive, name, path))
            unfinished.rename(target)
    return len(files)
