"""Where the rows of a data set come from: files, tables in memory, the calls that were captured here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fine_tuning._util.files import atomic_write
from fine_tuning.data_io import sources
from fine_tuning.data_io.formats import preference
from fine_tuning.data_io.messages import Message, messages_of_example
from fine_tuning.datasets.training_formats import json_line
from fine_tuning.store import examples, preferences
from fine_tuning.store.database import Database
from fine_tuning.store.records import Preference

CAPTURED = "captured calls"


@dataclass(frozen=True)
class Sources:
    """Files of rows, and what they are called where rows are named."""

    files: Sequence[str]
    labels: Sequence[str]


def of_files(names: Sequence[str | Path]) -> Sources:
    """The files that the names mean; see `sources.expand`."""
    files = sources.expand(names)
    return Sources(files, files)


def of_table(table: Any, folder: Path) -> Sources:
    """A table in memory, written to a file in `folder`; see `sources.table_rows`."""
    rows = (row.text or b"" for row in sources.table_rows(table))
    return Sources([_written(rows, folder)], ["table"])


def of_store(database: Database, folder: Path, *, pairs: bool) -> Sources:
    """The captured calls, or those of which somebody liked another answer better, written to a file in `folder`."""
    with database.read() as tx:
        rows = _pairs(preferences.find(tx), database) if pairs else examples.each(tx)
        return Sources([_written((json_line(row).encode() for row in rows), folder)], [CAPTURED])


def _pairs(found: Iterable[Preference], database: Database) -> Iterator[dict[str, Any]]:
    with database.read() as tx:
        for pair in found:
            better = examples.get(tx, pair["chosen_id"]) if pair["chosen_id"] else None
            if better is None:
                yield {"prompt": pair["prompt"], "chosen": pair["chosen"], "rejected": pair["rejected"]}
                continue
            *asked, answer = messages_of_example(better)
            worse: Message = {"role": "assistant", "content": pair["rejected"]}
            facts = {name: better[name] for name in ("domain", "task_type", "rating", "metadata", "captured_at")}
            yield {**preference.row_of(asked, [answer], [worse], better["tools"]), **facts}


def _written(lines: Iterable[bytes], folder: Path) -> str:
    path = folder / "rows.jsonl"
    with atomic_write(path, "wb") as stream:
        stream.writelines(line + b"\n" for line in lines)
    return str(path)
