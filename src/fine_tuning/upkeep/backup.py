"""A workspace in one file: its rows as they were at one moment, and the files that they speak of, with checksums."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from fine_tuning.errors import ConflictError, DataError
from fine_tuning.files import atomic_write, explained, make_folder, open_to_read
from fine_tuning.settings import get_settings
from fine_tuning.store import dump, schema
from fine_tuning.store.database import Database

FOLDERS = ("datasets", "files", "artifacts", "evaluations")  # base models can be fetched again
MANIFEST = "manifest.json"
FORMAT = 1
_PIECE = 1 << 20
Told = Callable[[str], None]


def write(database: Database, path: Path, told: Told = lambda _: None) -> dict[str, Any]:
    """Back the workspace up, while others go on writing. Returns the manifest.

    Raises:
        StorageError: the file cannot be written.
    """
    home = get_settings().home.absolute()
    members: dict[str, dict[str, Any]] = {}
    with atomic_write(path, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with database.snapshot() as tx:
            revision = schema.stored_revision(tx)
            for table in dump.tables_of(tx):
                told(f"table {table.name}")
                lines = (dump.as_line(row).encode() + b"\n" for row in dump.rows(tx, table))
                members[f"tables/{table.name}.jsonl"] = _add(archive, f"tables/{table.name}.jsonl", lines)
        gone = []
        for folder in FOLDERS:
            told(f"folder {folder}")
            for file in sorted(path for path in (home / folder).rglob("*") if path.is_file()):
                name = f"workspace/{file.relative_to(home).as_posix()}"
                try:
                    members[name] = _add(archive, name, _pieces(file))
                except FileNotFoundError:  # deleted since the rows were read
                    gone.append(name)
        manifest = {
            "format": FORMAT, "schema": revision, "home": str(home), "created_at": datetime.now(UTC).isoformat(),
            "members": members, "gone_meanwhile": gone,
        }  # fmt: skip
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
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


def restore(database: Database, path: Path, told: Told = lambda _: None) -> dict[str, Any]:
    """Put a backup into an empty workspace and database. Nothing is written unless all of it is as it was backed up.

    Paths in rows that lead into the old workspace lead into the new one afterwards.

    Returns:
        tables (rows of each) and files (how many).

    Raises:
        DataError: it is no backup, or damaged.
        ConflictError: the workspace or database is not empty.
    """
    home = get_settings().home.absolute()
    with ExitStack() as stack:
        archive = _opened(stack, path)
        manifest = _manifest(archive, path)
        told("checking checksums")
        _check(archive, manifest, path)
        if taken := [name for name in FOLDERS if any((home / name).glob("*"))]:
            raise ConflictError(f"{home / taken[0]} is not empty; restore into a new folder (FINE_TUNING_HOME)")
        moved = (f"{manifest['home']}/", f"{home}/")
        counts = {}
        with database.write_unprepared() as tx:
            tables = {table.name: table for table in dump.prepare(tx, manifest["schema"])}
            for name, table in tables.items():
                member = f"tables/{name}.jsonl"
                if member not in manifest["members"]:
                    raise DataError(f"{path} lacks the table {name}; it is damaged")
                told(f"table {name}")
                with archive.open(member) as lines:
                    counts[name] = dump.insert(tx, table, (_moved(json.loads(line), moved) for line in lines))
            dump.finish(tx)
            files = _extract(archive, manifest, home, told)
    return {"tables": counts, "files": files}


def _opened(stack: ExitStack, path: Path) -> zipfile.ZipFile:
    stream: IO[bytes] = stack.enter_context(open_to_read(path))
    try:
        return stack.enter_context(zipfile.ZipFile(stream))
    except zipfile.BadZipFile:
        raise DataError(f"{path} is no backup (ft-cli backup FILE makes one), or it was cut off") from None


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(archive.read(MANIFEST))
        if found["format"] != FORMAT:
            raise DataError(f"{path} is a backup of format {found['format']}, this version reads {FORMAT}")
        for name in found["members"]:
            parts = PurePosixPath(name).parts
            if parts[0] not in {"tables", "workspace"} or ".." in parts or "\\" in name:
                raise DataError(f"{path} names a file outside the workspace: {name}")
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is no backup: its manifest is missing or damaged") from None
    return found


def _check(archive: zipfile.ZipFile, manifest: Mapping[str, Any], path: Path) -> None:
    for name, wanted in manifest["members"].items():
        digest = hashlib.sha256()
        try:
            with archive.open(name) as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
        except (KeyError, zipfile.BadZipFile, EOFError, OSError):
            raise DataError(f"{path} is damaged: {name} cannot be read") from None
        if digest.hexdigest() != wanted["sha256"]:
            raise DataError(f"{path} is damaged: {name} is not what was backed up")


def _moved(value: Any, prefixes: tuple[str, str]) -> Any:
    """The value with paths into the old workspace leading into the new one."""
    if isinstance(value, str):
        return prefixes[1] + value[len(prefixes[0]) :] if value.startswith(prefixes[0]) else value
    if isinstance(value, dict):
        return {name: _moved(item, prefixes) for name, item in value.items()}
    return [_moved(item, prefixes) for item in value] if isinstance(value, list) else value


def _extract(archive: zipfile.ZipFile, manifest: Mapping[str, Any], home: Path, told: Told) -> int:
    files = [name for name in manifest["members"] if name.startswith("workspace/")]
    told(f"{len(files)} files")
    for name in files:
        target = home / PurePosixPath(name).relative_to("workspace")
        make_folder(target.parent)
        with explained(target, "write"), archive.open(name) as source, target.open("wb") as stream:
            shutil.copyfileobj(source, stream, _PIECE)
    return len(files)
