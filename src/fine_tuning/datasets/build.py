"""Build a data set from rows of any number: looked at, selected, divided, written once, with a manifest that says how.

The same rows and the same recipe give the same bytes, on any machine, here or on a cluster.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from fine_tuning._util.files import explained, is_file, make_folder, write_json, written_whole
from fine_tuning.data_io.formats.findings import Finding, Tally
from fine_tuning.datasets import languages, lengths, plan, split_assignment, token_counts
from fine_tuning.datasets import manifest as manifests
from fine_tuning.datasets.file_check import LEAST_ROWS
from fine_tuning.datasets.input_rows import Sources
from fine_tuning.datasets.manifest import FILE, Manifest
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.row_features import State
from fine_tuning.datasets.row_selection import Fate, Selection, select
from fine_tuning.datasets.save import EARLIER
from fine_tuning.datasets.split_files import card, extension_of, open_part
from fine_tuning.datasets.spool import Spool
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database

REJECTED, LEFT_OUT = "rejected.jsonl", "left-out.jsonl"
CONFLICTS_SHOWN = 20
_WHY = {Fate.DUPLICATE: "duplicate", Fate.NEAR_DUPLICATE: "near-duplicate", Fate.NOT_DRAWN: "not drawn"}


def build(
    database: Database,
    sources: Sources,
    recipe: Recipe,
    folder: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Write a data set's parts, the rows left out and the manifest into `folder`, whole or not at all, and record it.

    Args:
        folder: its name is the data set's; see `check_target`. One with other content is moved to `earlier`.
        progress: told how many further rows were read.

    Raises:
        NotFoundError, DataError: a file is missing or breaks off, or no row is left to train on.
        StorageError: the disk refuses.
    """
    languages.check(recipe.languages)
    if recipe.tokens_of:
        token_counts.counter(
            recipe.tokens_of
        )  # a wrong name is said before anything is read, and a model is fetched once
    with written_whole(folder) as unfinished:
        work = make_folder(unfinished / ".work")
        spool = Spool(work)
        spool.fill(plan.records(sources.files, sources.labels, recipe), progress)
        selection = select(spool, recipe)
        if not len(selection.kept):
            raise DataError(_nothing_left(spool, selection))
        part = split_assignment.assign(spool, selection, recipe)
        facts = _facts(spool, selection, sources)
        facts["parts"], examples = _write(spool, selection, part, sources, recipe, unfinished)
        manifest = Manifest(name=folder.name, recipe=recipe.as_dict(), **facts)
        write_json(unfinished / FILE, manifest.as_dict())
        shutil.rmtree(work)
        keep_earlier(database, folder, manifest.hash)
    _freeze(database, folder, manifest, examples)
    return manifest


def check_target(folder: Path) -> Path:
    """The folder, if a data set may be written there.

    Raises:
        UsageError: there is something else.
    """
    if folder.exists() and not is_file(folder / FILE):
        raise UsageError(f"{folder} is there and is no data set; choose another name")
    return folder


def keep_earlier(database: Database, folder: Path, content: str) -> None:
    """Move a data set of that name and with other content to the folder `earlier`."""
    if not folder.exists() or (before := manifests.read(folder)).hash == content:
        return
    kept = folder.parent / EARLIER / f"{folder.name}-{before.hash.removeprefix('sha256:')[:12]}"
    make_folder(kept.parent)
    with explained(kept, "write"):
        shutil.rmtree(kept, ignore_errors=True)
        folder.replace(kept)
    with database.write() as tx:
        datasets.move(tx, str(folder), str(kept), before.hash)
        for part in before.parts.values():
            datasets.move(tx, str(folder / part["file"]), str(kept / part["file"]), part["content_hash"])


def _freeze(database: Database, folder: Path, manifest: Manifest, examples: Sequence[str]) -> None:
    """Record the data set, and each part as what a job trains on."""
    whole = {"name": manifest.name, "format": manifest.recipe["format"]}
    facts = {name: value for name, value in manifest.as_dict().items() if name not in {"name", "hash"}}
    with database.write() as tx:
        rows = sum(part["rows"] for part in manifest.parts.values())
        record = {**whole, "content_hash": manifest.hash, "path": str(folder), "rows": rows, "recipe": facts}
        datasets.freeze(tx, record, examples)
        for name, part in manifest.parts.items():
            recipe = {"part_of": manifest.hash, "part": name, "tokens": part["tokens"]}
            path = str(folder / part["file"])
            record = {**whole, "content_hash": part["content_hash"], "path": path, "rows": part["rows"]}
            datasets.freeze(tx, record | {"recipe": recipe}, examples if name == "train" else ())


def _nothing_left(spool: Spool, selection: Selection) -> str:
    counts = ", ".join(f"{name} {count:,}" for name, count in _counts(selection).items() if count)
    if not len(spool):
        return "the sources hold no rows"
    return f"no row is left to train on ({counts}); run `ft-cli dataset check`, or loosen the filters"


def _counts(selection: Selection) -> dict[str, int]:
    """Rows by what became of them: read is the sum of the others."""
    found = np.bincount(selection.fate, minlength=len(Fate)).tolist()
    return {
        "read": len(selection.fate),
        "kept": found[Fate.KEPT],
        "rejected": found[Fate.REJECTED],
        "duplicates": found[Fate.DUPLICATE] + found[Fate.NEAR_DUPLICATE],
        "left_out": found[Fate.FILTERED] + found[Fate.NOT_DRAWN],
    }


def _facts(spool: Spool, selection: Selection, sources: Sources) -> dict[str, Any]:
    """What the manifest says of all rows."""
    reasons = np.bincount(
        spool.numbers["reason"][selection.fate == Fate.FILTERED], minlength=len(spool.names["reason"])
    )
    fates = np.bincount(selection.fate, minlength=len(Fate)).tolist()
    steps = {
        "exact duplicates": fates[Fate.DUPLICATE],
        "near-duplicates": fates[Fate.NEAR_DUPLICATE],
        "not drawn": fates[Fate.NOT_DRAWN],
        **{f"filter {name}": int(count) for name, count in zip(spool.names["reason"], reasons, strict=True)},
    }
    shown = [
        [_place(spool, sources, position) for position in group.tolist()]
        for group in selection.conflicts[:CONFLICTS_SHOWN]
    ]
    conflicts = {"questions": len(selection.conflicts), "rows": sum(map(len, selection.conflicts)), "first": shown}
    return {
        "counts": _counts(selection),
        "steps": {name: count for name, count in sorted(steps.items()) if count},
        "findings": _tally(spool, sources, len(selection.kept)).rows(),
        "conflicts": conflicts,
        "lengths": lengths.describe(spool.numbers["tokens"][selection.kept]),
        "sources": list(sources.labels),
    }


def _tally(spool: Spool, sources: Sources, kept: int) -> Tally:
    tally = Tally()
    for start, batch in spool.texts("findings"):
        column = batch.column(0)
        for place in np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False)).tolist():
            file, line = _place(spool, sources, start + place)
            tally.add(file, line, [Finding(*each) for each in json.loads(column[place].as_py())])
    if kept < LEAST_ROWS:
        tally.add("", 0, [Finding("too-few-rows", "", f"{kept} usable rows; at least {LEAST_ROWS} are needed")])
    return tally


def _place(spool: Spool, sources: Sources, position: int) -> tuple[str, int]:
    """File and line of a row."""
    return sources.labels[int(spool.numbers["source"][position])], int(spool.numbers["line"][position])


def _write(
    spool: Spool, selection: Selection, part: Any, sources: Sources, recipe: Recipe, folder: Path
) -> tuple[dict[str, Any], list[str]]:
    """Write every row where it belongs. Returns the facts of each part, and the ids of captured calls."""
    where = np.full(len(spool), -1, np.int8)
    where[selection.kept] = part
    names = [name for name, share in zip(split_assignment.PARTS, recipe.shares, strict=True) if share]
    files = {name: folder / f"{name}{extension_of(recipe.format)}" for name in names}
    examples: list[str] = []
    with ExitStack() as stack, explained(folder, "write"):
        rejected = stack.enter_context((folder / REJECTED).open("wb"))
        writers = {name: open_part(file, recipe.format) for name, file in files.items()}
        for start, batch in spool.texts("text", "example"):
            texts, here = batch.column("text"), where[start : start + batch.num_rows]
            for place, name in enumerate(split_assignment.PARTS):
                if name in writers:
                    writers[name].add(_chosen(texts, here == place))
            states = spool.numbers["state"][start : start + batch.num_rows]
            rejected.writelines(line.encode("utf-8", "replace") for line in _chosen(texts, states == State.REJECTED))
            examples += [each for each in _chosen(batch.column("example"), here >= 0) if each]
        for writer in writers.values():
            writer.end()
        if recipe.format == "parquet":
            (folder / "README.md").write_text(card([(name, file.name) for name, file in files.items()]), "utf-8")
        left = stack.enter_context((folder / LEFT_OUT).open("w", encoding="utf-8"))
        left.writelines(_left_out(spool, selection, sources))
    counted = spool.numbers["tokens"]
    facts = {
        name: {
            "file": files[name].name,
            "rows": writer.rows,
            "content_hash": writer.digest.text(),
            "tokens": _total(counted[where == split_assignment.PARTS.index(name)]),
        }
        for name, writer in writers.items()
    }
    return facts, examples


def _chosen(column: Any, mask: Any) -> list[Any]:
    found: list[Any] = column.take(np.flatnonzero(mask)).to_pylist() if mask.any() else []
    return found


def _total(counted: Any) -> int | None:
    return None if (counted < 0).any() else int(counted.sum())


def _left_out(spool: Spool, selection: Selection, sources: Sources) -> Iterator[str]:
    """A line for each row that is fit and does not stay: where it stood, why, and which row stays in its place."""
    for position in np.flatnonzero(selection.fate >= Fate.FILTERED).tolist():
        file, line = _place(spool, sources, position)
        fate = Fate(selection.fate[position])
        why = _WHY.get(fate) or f"filter {spool.names['reason'][spool.numbers['reason'][position]]}"
        facts: dict[str, Any] = {"file": file, "line": line, "why": why}
        if (other := int(selection.instead[position])) >= 0:
            facts["kept_file"], facts["kept_line"] = _place(spool, sources, other)
        yield json.dumps(facts, ensure_ascii=False) + "\n"
