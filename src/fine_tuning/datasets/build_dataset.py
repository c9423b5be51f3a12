"""Build a dataset from any number of rows: check, deduplicate, filter, sample, split, write once with a manifest.

The same rows and the same recipe give the same bytes, on any machine, here or on a cluster.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fine_tuning._util.files import atomic_folder, is_file, make_folder, write_json
from fine_tuning.data_io.formats.findings import Finding, Tally
from fine_tuning.datasets import (
    daft_plan,
    dataset_folder,
    language_detection,
    split_assignment,
    token_counts,
    token_lengths,
    unlearnt_answers,
)
from fine_tuning.datasets.dataset_folder import SelectedRows
from fine_tuning.datasets.earlier_versions import keep_folder
from fine_tuning.datasets.file_check import MIN_ROWS
from fine_tuning.datasets.manifest import FILE, Manifest
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.row_selection import Selection, select
from fine_tuning.datasets.row_sources import RowSources
from fine_tuning.datasets.row_status import RowStatus
from fine_tuning.datasets.spool import Spool
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.datasets import NewDataset
from fine_tuning.store.records.manifests import Conflicts, FindingCount, RowCounts, SplitFile
from fine_tuning.store.records.rows import records
from fine_tuning.store.workspace import Workspace

CONFLICTS_SHOWN = 20


def build(
    workspace: Workspace,
    sources: RowSources,
    recipe: Recipe,
    folder: Path,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Write a dataset's splits, the removed rows and the manifest into `folder`, and record it; all or nothing.

    Args:
        folder: its name is the dataset's; see `check_target`. One with other content is moved to `earlier`.
        on_progress: called with the number of further rows that were read.

    Raises:
        NotFoundError, DataError: a file is missing or breaks off, or no row is left to train on.
        StorageError: the disk refuses.
    """
    language_detection.check(recipe.languages)
    if recipe.tokens_of:  # an unknown model is reported before anything is read, and is downloaded once
        token_counts.counter(recipe.tokens_of, workspace.folder("models"))
    with atomic_folder(folder) as unfinished:
        work = make_folder(unfinished / ".work")
        spool = Spool(work)
        spool.fill(daft_plan.records(sources, recipe, workspace.settings), on_progress)
        rows = SelectedRows(spool, select(spool, recipe), sources)
        if not len(rows.selection.kept):
            raise DataError(_nothing_left(rows))
        assigned = split_assignment.assign(spool, rows.selection, recipe)
        splits, examples = dataset_folder.write(rows, assigned.split, recipe, unfinished)
        tally = _tally(rows)
        if deviation := split_assignment.deviation(assigned, recipe):
            tally.add("", 0, [Finding("uneven-splits", "", deviation)])
        manifest = _manifest(rows, folder.name, recipe, splits, tally)
        write_json(unfinished / FILE, manifest.as_dict())
        shutil.rmtree(work)
        keep_folder(workspace.database, folder, manifest.hash)
    _freeze(workspace.database, folder, manifest, examples)
    return manifest


def check_target(folder: Path) -> Path:
    """The folder, if a dataset may be written there.

    Raises:
        UsageError: there is something else.
    """
    if folder.exists() and not is_file(folder / FILE):
        raise UsageError(f"{folder} already exists and is not a dataset; choose another name")
    return folder


def _freeze(database: Database, folder: Path, manifest: Manifest, examples: Sequence[str]) -> None:
    """Record the dataset, and each split as a file that a job trains on."""
    project = manifest.recipe.get("project") or DEFAULT_PROJECT
    record: NewDataset = {
        "name": manifest.name,
        "format": manifest.recipe["format"],
        "content_hash": manifest.hash,
        "path": str(folder),
        "rows": manifest.rows,
        "recipe": manifest.facts(),
        "project": project,
    }
    with database.write() as tx:
        datasets.freeze(tx, record, examples)
        for name, split in manifest.parts.items():
            record = {
                "name": manifest.name,
                "format": manifest.recipe["format"],
                "content_hash": split["content_hash"],
                "path": str(folder / split["file"]),
                "rows": split["rows"],
                "recipe": {"part_of": manifest.hash, "part": name, "tokens": split["tokens"]},
                "project": project,
            }
            datasets.freeze(tx, record, examples if name == "train" else ())


def _nothing_left(rows: SelectedRows) -> str:
    if not len(rows.spool):
        return "the sources have no rows"
    counts = ", ".join(f"{name} {count:,}" for name, count in _counts(rows.selection).items() if count)
    steps = "".join(f", {name} {count:,}" for name, count in _steps(rows.spool, rows.selection).items())
    return f"no row is left to train on ({counts}{steps}); run `ft-cli dataset check`, or loosen the filters"


def _counts(selection: Selection) -> RowCounts:
    """Rows by status: read is the sum of the others."""
    found = np.bincount(selection.status, minlength=len(RowStatus)).tolist()
    return {
        "read": len(selection.status),
        "kept": found[RowStatus.KEPT],
        "rejected": found[RowStatus.REJECTED],
        "duplicates": sum(found[each] for each in (RowStatus.DUPLICATE, RowStatus.CONTINUED, RowStatus.NEAR_DUPLICATE)),
        "left_out": found[RowStatus.FILTERED] + found[RowStatus.NOT_SAMPLED],
    }


def _manifest(rows: SelectedRows, name: str, recipe: Recipe, splits: dict[str, SplitFile], tally: Tally) -> Manifest:
    kept = rows.selection.kept
    return Manifest(
        name=name,
        recipe=recipe.as_dict(),
        parts=splits,
        counts=_counts(rows.selection),
        steps=_steps(rows.spool, rows.selection),
        findings=records(FindingCount, tally.rows()),
        conflicts=_conflicts(rows),
        lengths=token_lengths.describe(rows.spool.numbers["tokens"][kept]),
        sources=list(rows.sources.labels),
    )


def _steps(spool: Spool, selection: Selection) -> dict[str, int]:
    """Rows that each step removed; the names of the steps are stored in manifests."""
    filtered = spool.numbers["reason"][selection.status == RowStatus.FILTERED]
    reasons = np.bincount(filtered, minlength=len(spool.names["reason"]))
    statuses = np.bincount(selection.status, minlength=len(RowStatus)).tolist()
    steps = {
        "exact duplicates": statuses[RowStatus.DUPLICATE],
        "continued chats": statuses[RowStatus.CONTINUED],
        "near-duplicates": statuses[RowStatus.NEAR_DUPLICATE],
        "not drawn": statuses[RowStatus.NOT_SAMPLED],
        **{f"filter {name}": int(count) for name, count in zip(spool.names["reason"], reasons, strict=True)},
    }
    return {name: count for name, count in sorted(steps.items()) if count}


def _conflicts(rows: SelectedRows) -> Conflicts:
    groups = rows.selection.conflicts
    first = [[rows.place_of(position) for position in group.tolist()] for group in groups[:CONFLICTS_SHOWN]]
    return {"questions": len(groups), "rows": sum(map(len, groups)), "first": first}


def _tally(rows: SelectedRows) -> Tally:
    tally = Tally()
    for start, batch in rows.spool.texts("findings"):
        column = batch.column(0)
        for place in np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False)).tolist():
            file, line = rows.place_of(start + place)
            tally.add(file, line, [Finding(*each) for each in json.loads(column[place].as_py())])
    for changed, finding in (
        (rows.selection.unlearnt, unlearnt_answers.finding),
        (rows.selection.repeated, unlearnt_answers.repeated),
    ):
        for position, (_, answers) in sorted(changed.items()):
            if rows.selection.status[position] == RowStatus.KEPT:
                tally.add(*rows.place_of(position), [finding(answers)])
    if (kept := len(rows.selection.kept)) < MIN_ROWS:
        tally.add("", 0, [Finding("too-few-rows", "", f"{kept} usable rows; at least {MIN_ROWS} are needed")])
    return tally
