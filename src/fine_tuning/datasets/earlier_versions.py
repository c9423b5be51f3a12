"""Datasets that are about to be replaced by others of their name, kept in the folder `earlier`.

Their files get a second path there before their rows do, and lose the first one as they are replaced: whenever a
process is killed, the rows name files with their content.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fine_tuning._util.files import atomic_folder, is_file, make_folder, temporary_folder, translated_os_errors
from fine_tuning.datasets import manifest
from fine_tuning.store import datasets
from fine_tuning.store.database import Database

EARLIER = "earlier"


def keep_file(database: Database, path: Path, content_hash: str) -> None:
    """Keep the file of a dataset with other content, and record its new path."""
    with database.write() as tx:
        before = datasets.newest_at(tx, str(path))
        if before is None or before["content_hash"] == content_hash or not is_file(path):
            return
        kept = _kept_path(path, before["content_hash"])
        with temporary_folder(kept) as folder, translated_os_errors(kept, "write"):
            _link(path, folder / kept.name)
            (folder / kept.name).replace(kept)
        datasets.move(tx, str(path), str(kept), before["content_hash"])


def keep_folder(database: Database, folder: Path, content_hash: str) -> None:
    """Keep the folder of a built dataset with other content, and record the new paths of its files."""
    if not folder.exists() or (before := manifest.read(folder)).hash == content_hash:
        return
    kept = _kept_path(folder, before.hash)
    with atomic_folder(kept) as unfinished, translated_os_errors(kept, "write"):
        shutil.copytree(folder, unfinished, copy_function=_link, dirs_exist_ok=True)
    with database.write() as tx:
        datasets.move(tx, str(folder), str(kept), before.hash)
        for split in before.parts.values():
            datasets.move(tx, str(folder / split["file"]), str(kept / split["file"]), split["content_hash"])


def _link(path: str | Path, other: str | Path) -> None:
    """Give a file a second path; a copy of it where the file system has no hard links."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


def _kept_path(path: Path, content_hash: str) -> Path:
    """Where a file or folder is kept: by its name and the beginning of its hash."""
    suffix = path.suffix if is_file(path) else ""
    stem = path.name.removesuffix(suffix)
    folder = make_folder(path.parent / EARLIER)
    return folder / f"{stem}-{content_hash.removeprefix('sha256:')[:12]}{suffix}"
