"""Write the files of a built dataset: its splits, the rejected rows and the rows left out."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from fine_tuning._util.files import translated_os_errors
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.removed_rows import CONTINUED, LEFT_OUT, NEAR_DUPLICATE, REJECTED, LeftOutRow
from fine_tuning.datasets.row_features import State
from fine_tuning.datasets.row_selection import Ints, Selection
from fine_tuning.datasets.row_sources import RowSources
from fine_tuning.datasets.row_status import RowStatus
from fine_tuning.datasets.split_assignment import SPLITS
from fine_tuning.datasets.split_files import card, extension_of, open_split
from fine_tuning.datasets.spool import Numbers, Spool
from fine_tuning.store.records.manifests import SplitFile

_WHY = {
    RowStatus.DUPLICATE: "duplicate",
    RowStatus.NEAR_DUPLICATE: NEAR_DUPLICATE,
    RowStatus.CONTINUED: CONTINUED,
    RowStatus.NOT_SAMPLED: "not drawn",  # the word in files of earlier versions
}


@dataclass(frozen=True)
class SelectedRows:
    """Rows of sources with their records and their status."""

    spool: Spool
    selection: Selection
    sources: RowSources

    def place_of(self, position: int) -> tuple[str, int]:
        """File and line of a row."""
        numbers = self.spool.numbers
        return self.sources.labels[int(numbers["source"][position])], int(numbers["line"][position])


def write(rows: SelectedRows, split: Ints, recipe: Recipe, folder: Path) -> tuple[dict[str, SplitFile], list[str]]:
    """Write every row to the file of its split or its status.

    Args:
        split: place in `SPLITS` of each kept row.

    Returns:
        The files of the splits, and the ids of captured examples in them.
    """
    spool = rows.spool
    where = np.full(len(spool), -1, np.int8)
    where[rows.selection.kept] = split
    names = [name for name, share in zip(SPLITS, recipe.shares, strict=True) if share]
    files = {name: folder / f"{name}{extension_of(recipe.format)}" for name in names}
    examples: list[str] = []
    with ExitStack() as stack, translated_os_errors(folder, "write"):
        rejected = stack.enter_context((folder / REJECTED).open("wb"))
        writers = {name: open_split(file, recipe.format) for name, file in files.items()}
        for start, batch in spool.texts("text", "example"):
            texts, here = _texts(batch, start, rows.selection), where[start : start + batch.num_rows]
            for place, name in enumerate(SPLITS):
                if name in writers:
                    writers[name].add(_chosen(texts, here == place))
            states = spool.numbers["state"][start : start + batch.num_rows]
            rejected.writelines(line.encode("utf-8", "replace") for line in _chosen(texts, states == State.REJECTED))
            examples += [each for each in _chosen(batch.column("example"), here >= 0) if each]
        for writer in writers.values():
            writer.end()
        if recipe.format == "parquet":
            (folder / "README.md").write_text(card([(name, file.name) for name, file in files.items()]), "utf-8")
        left_out = stack.enter_context((folder / LEFT_OUT).open("w", encoding="utf-8"))
        left_out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in _left_out(rows))
    counted = spool.numbers["tokens"]
    splits: dict[str, SplitFile] = {
        name: {
            "file": files[name].name,
            "rows": writer.rows,
            "content_hash": writer.digest.text(),
            "tokens": _total(counted[where == SPLITS.index(name)]),
        }
        for name, writer in writers.items()
    }
    return splits, examples


def _texts(batch: pa.RecordBatch, start: int, selection: Selection) -> pa.Array:
    """The texts of a block of rows, with those of which some answers are not learnt as these are written."""
    unlearnt = ChainMap(selection.repeated, selection.unlearnt)
    changed = {at: unlearnt[start + at][0] for at in range(batch.num_rows) if start + at in unlearnt}
    if not changed:
        return batch.column("text")
    texts = batch.column("text").to_pylist()
    return pa.array([changed.get(at, text) for at, text in enumerate(texts)], pa.large_string())


def _chosen(column: pa.Array, mask: Numbers) -> list[str]:
    found: list[str] = column.take(np.flatnonzero(mask)).to_pylist() if mask.any() else []
    return found


def _total(counted: Numbers) -> int | None:
    return None if (counted < 0).any() else int(counted.sum())


def _left_out(rows: SelectedRows) -> Iterator[LeftOutRow]:
    """The valid rows that are not kept."""
    spool, selection = rows.spool, rows.selection
    for position in np.flatnonzero(selection.status >= RowStatus.FILTERED).tolist():
        file, line = rows.place_of(position)
        status = RowStatus(selection.status[position])
        why = _WHY.get(status) or f"filter {spool.names['reason'][spool.numbers['reason'][position]]}"
        row: LeftOutRow = {"file": file, "line": line, "why": why}
        if (other := int(selection.kept_instead[position])) >= 0:
            row["kept_file"], row["kept_line"] = rows.place_of(other)
        yield row
