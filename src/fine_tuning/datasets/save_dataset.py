"""Save examples as one file, with a hash of its content and the recipe of its rows."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from fine_tuning._util import checks
from fine_tuning._util.files import atomic_write
from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.datasets import continued_chats
from fine_tuning.datasets.earlier_versions import keep_file
from fine_tuning.datasets.examples_with_recipe import derived, recipe_of
from fine_tuning.datasets.training_formats import ROWS, Example, check_format, json_line, rows_in
from fine_tuning.errors import UsageError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.datasets import NewDataset

_log = logging.getLogger(__name__)


def target(folder: Path, name: str, format: str) -> Path:
    """Path of a dataset of this name in the folder; the extension is added unless it is there.

    Raises:
        UsageError: the name is empty or leads out of the folder.
    """
    _, extension = ROWS[check_format(format)]
    plain = checks.name("dataset name", name).removesuffix(extension)
    path = (folder / f"{plain}{extension}").absolute()
    if plain.strip(". ") == "" or plain.endswith("/") or not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"dataset name {name!r} must be a file name inside {folder}")
    return path


def save(database: Database, folder: Path, examples: Sequence[Example], name: str, format: str) -> Path:
    """Write the examples atomically and record hash, recipe and members. Returns the file's path.

    Of a growing chat the longest state among the examples is written; how many are left out is logged.
    An earlier dataset of that name with other content is kept: its file moves to the folder `earlier`.

    Args:
        examples: the recipe of `Examples` is recorded; that of other rows is `{"source": "given"}`.

    Raises:
        UsageError: name or format is wrong, or there are no examples.
        DataError: an example lacks prompt or response.
        StorageError: the file cannot be written.
    """
    path = target(folder, name, format)
    if not examples:
        raise UsageError(f"no examples to save as {name}; loosen the filters or capture more calls first")
    rows = rows_in(examples, format)
    if earlier := continued_chats.continued(examples):
        _log.warning("%d of %d examples are left out of %s: longer chats continue them", len(earlier), len(rows), name)
        kept = [example for at, example in enumerate(examples) if at not in earlier]
        examples = derived(examples, kept, {"operation": "drop continued"})
        rows = [row for at, row in enumerate(rows) if at not in earlier]
    content = content_hash(rows)
    keep_file(database, path, content)
    with atomic_write(path) as stream:
        if path.suffix == ".json":
            json.dump(rows, stream, ensure_ascii=False, indent=2, default=str)
            stream.write("\n")
        else:
            stream.writelines(json_line(row) + "\n" for row in rows)
    record: NewDataset = {
        "name": path.stem,
        "content_hash": content,
        "format": format,
        "path": str(path),
        "rows": len(rows),
        "recipe": {**recipe_of(examples), "saved": len(examples)},
        "project": recipe_of(examples).get("project", DEFAULT_PROJECT),
    }
    with database.write() as tx:
        datasets.freeze(tx, record, [str(example["id"]) for example in examples if example.get("id")])
    return path
