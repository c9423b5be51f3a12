"""Writing a data set once, with a hash of its content and the recipe that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning._util.files import atomic_write, explained, is_file, make_folder
from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.datasets.training_formats import ROWS, check_format, json_line, rows_in
from fine_tuning.errors import UsageError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database

Example = Mapping[str, Any]
EARLIER = "earlier"


def target(folder: Path, name: str, format: str) -> Path:
    """Where a data set of this name is written; the extension is added unless it is there.

    Raises:
        UsageError: the name is empty or leads out of the folder.
    """
    _, extension = ROWS[check_format(format)]
    plain = checks.name("data set name", name).removesuffix(extension)
    path = (folder / f"{plain}{extension}").absolute()
    if plain.strip(". ") == "" or plain.endswith("/") or not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"data set name {name!r} must be a file name inside {folder}")
    return path


def freeze(
    database: Database, folder: Path, examples: Sequence[Example], name: str, format: str, recipe: Mapping[str, Any]
) -> Path:
    """Write the examples atomically and record hash, recipe and membership. Returns the file's path.

    An earlier data set of that name with other content is kept: its file moves to the folder `earlier`.

    Raises:
        UsageError: name or format is wrong, or there is nothing to write.
        DataError: an example lacks prompt or response.
        StorageError: the disk refuses.
    """
    path = target(folder, name, format)
    if not examples:
        raise UsageError(f"no examples to save as {name}; loosen the filters or capture more calls first")
    rows = rows_in(examples, format)
    content = content_hash(rows)
    _keep_earlier(database, path, content)
    with atomic_write(path) as stream:
        if path.suffix == ".json":
            json.dump(rows, stream, ensure_ascii=False, indent=2, default=str)
            stream.write("\n")
        else:
            stream.writelines(json_line(row) + "\n" for row in rows)
    record = {
        "name": path.stem,
        "content_hash": content,
        "format": format,
        "path": str(path),
        "rows": len(rows),
        "recipe": dict(recipe),
    }
    with database.write() as tx:
        datasets.freeze(tx, record, [str(example["id"]) for example in examples if example.get("id")])
    return path


def _keep_earlier(database: Database, path: Path, content: str) -> None:
    """Move the file of a data set that is about to be replaced, and note where it is now."""
    with database.write() as tx:
        before = datasets.newest_at(tx, str(path))
        if before is None or before["content_hash"] == content or not is_file(path):
            return
        kept = path.parent / EARLIER / f"{path.stem}-{before['content_hash'].removeprefix('sha256:')[:12]}{path.suffix}"
        make_folder(kept.parent)
        with explained(kept, "write"):
            path.replace(kept)
        datasets.move(tx, str(path), str(kept), before["content_hash"])
