"""Sources of a dataset's rows: files, tables in memory, captured calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fine_tuning._util.files import atomic_write, temporary_folder
from fine_tuning.data_io import sources
from fine_tuning.data_io.formats import preference
from fine_tuning.data_io.messages import Message, messages_of_example
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.training_formats import json_line
from fine_tuning.errors import UsageError
from fine_tuning.store import examples, preferences
from fine_tuning.store.database import Database
from fine_tuning.store.records.examples import Preference
from fine_tuning.store.records.rows import JsonColumn

CAPTURED = "captured calls"


@dataclass(frozen=True)
class RowSources:
    """Files of rows, and the labels by which messages name them."""

    files: Sequence[str]
    labels: Sequence[str]


def check_one_source(files: object, table: object, project: str | None) -> None:
    """Raise a UsageError where both files and a table are given, or one of them with a project."""
    if files is not None and table is not None:
        raise UsageError("give files or a table, not both")
    if project is not None and (files is not None or table is not None):
        raise UsageError("rows of files and tables have no project; leave out either")


@contextmanager
def opened(
    database: Database, folder: Path, files: Sequence[str | Path] | None, table: object, recipe: Recipe
) -> Iterator[RowSources]:
    """The rows of files, of a table, or else of the captured calls.

    Args:
        folder: for temporary files, which are removed at the end.
    """
    with temporary_folder(Path(folder) / "rows") as work:
        if files is not None:
            yield of_files(files)
        elif table is not None:
            yield of_table(table, work)
        else:
            yield of_store(database, work, recipe)


def of_files(names: Sequence[str | Path]) -> RowSources:
    """The files of these names; see `sources.expand`."""
    files = sources.expand(names)
    return RowSources(files, files)


def of_table(table: object, folder: Path) -> RowSources:
    """A table in memory, written to a file in `folder`; see `sources.table_rows`."""
    rows = (row.text or b"" for row in sources.table_rows(table))
    return RowSources([_written(rows, folder)], ["table"])


def of_store(database: Database, folder: Path, recipe: Recipe) -> RowSources:
    """The captured calls of the recipe's project, or their preference pairs, written to a file in `folder`."""
    with database.read() as tx:
        is_pairs = recipe.format == "preference"
        rows = _pairs(preferences.find(tx, recipe.project), database) if is_pairs else examples.each(tx, recipe.project)
        return RowSources([_written((json_line(row).encode() for row in rows), folder)], [CAPTURED])


def _pairs(found: Iterable[Preference], database: Database) -> Iterator[JsonColumn]:
    with database.read() as tx:
        for pair in found:
            better = examples.get(tx, pair["chosen_id"]) if pair["chosen_id"] else None
            if better is None:
                yield {"prompt": pair["prompt"], "chosen": pair["chosen"], "rejected": pair["rejected"]}
                continue
            *prompt, response = messages_of_example(better)
            rejected: Message = {"role": "assistant", "content": pair["rejected"]}
            yield {
                **preference.row_of(prompt, [response], [rejected], better["tools"]),
                "domain": better["domain"],
                "task_type": better["task_type"],
                "rating": better["rating"],
                "metadata": better["metadata"],
                "captured_at": better["captured_at"],
            }


def _written(lines: Iterable[bytes], folder: Path) -> str:
    path = folder / "rows.jsonl"
    with atomic_write(path, "wb") as stream:
        stream.writelines(line + b"\n" for line in lines)
    return str(path)
