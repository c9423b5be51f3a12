"""Frozen datasets: their files, recipes and members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from sqlalchemy import ColumnElement, Connection, RowMapping, func, or_, select, update

from fine_tuning.store import files, tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.datasets import Dataset, NewDataset, TrainingFile
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.manifests import DerivationStep
from fine_tuning.store.records.rows import record

_table = tables.datasets
_NO_SPLIT = _table.c.recipe["part_of"].as_string().is_(None)  # not a split's file


def freeze(connection: Connection, dataset: NewDataset, example_ids: Iterable[str]) -> int:
    """Record a written dataset and its members. Returns its id.

    Ids that are not in the store (examples that were never captured) are ignored.
    """
    created = connection.execute(tables.datasets.insert().values(**dataset, created_at=now()))
    dataset_id: int = created.inserted_primary_key[0]  # type: ignore[index]
    ids = set(example_ids)
    if ids:
        known = select(tables.examples.c.id).where(tables.examples.c.id.in_(ids))
        members = [{"dataset_id": dataset_id, "example_id": member} for member in connection.scalars(known)]
        if members:
            connection.execute(tables.dataset_examples.insert(), members)
    return dataset_id


def newest_at(connection: Connection, path: str) -> Dataset | None:
    """The newest dataset that was written to a path, or None."""
    return _newest_where(connection, _table.c.path == path)


def move(connection: Connection, path: str, to: str, content_hash: str) -> None:
    """Record the new path of the datasets with this content at `path`."""
    at = (_table.c.path == path, _table.c.content_hash == content_hash)
    connection.execute(update(_table).where(*at).values(path=to))


def find_by_hash(connection: Connection, content_hash: str, project: str = DEFAULT_PROJECT) -> Dataset | None:
    """A project's newest dataset with this content, or None."""
    return _newest_where(connection, _table.c.content_hash == content_hash, _table.c.project == project)


def newest(connection: Connection, limit: int, offset: int = 0) -> list[Dataset]:
    """The newest datasets first, without the files of single splits."""
    query = select(_table).where(_NO_SPLIT).order_by(_table.c.id.desc()).limit(limit).offset(offset)
    return [_record(row) for row in connection.execute(query).mappings()]


def count(connection: Connection) -> int:
    """The number of datasets."""
    return connection.scalar(select(func.count()).select_from(_table).where(_NO_SPLIT)) or 0


def newest_files(connection: Connection, limit: int) -> list[TrainingFile]:
    """The newest files that can be trained on."""
    split = _table.c.recipe["part"].as_string()
    query = select(_table.c.name, split.label("part"), _table.c.rows, _table.c.path, _table.c.recipe)
    found = connection.execute(query.order_by(_table.c.id.desc()).limit(limit)).mappings()
    return [
        {"name": row["name"], "part": row["part"] or "all", "rows": row["rows"], "path": row["path"]}
        for row in found
        if row["part"] or "parts" not in row["recipe"]
    ]


def find(connection: Connection, name: str) -> Dataset | None:
    """The newest dataset with this name or this beginning of its hash (with or without `sha256:`), or None."""
    begins = [_table.c.content_hash.startswith(prefix + name, autoescape=True) for prefix in ("", "sha256:")]
    return _newest_where(connection, _NO_SPLIT, or_(_table.c.name == name, *begins))


def get(connection: Connection, dataset_id: int | None) -> Dataset | None:
    """A dataset by its key, or None."""
    return _newest_where(connection, _table.c.id == dataset_id)


def of_job(connection: Connection, job: Job | None) -> Dataset | None:
    """The dataset that a job was trained on; None where it is not recorded."""
    if job is None:
        return None
    file = files.get(connection, job["training_file_id"])
    return get(connection, job["dataset_id"] or (None if file is None else file["dataset_id"]))


def member_count(connection: Connection, dataset_id: int) -> int:
    """The number of captured examples in a dataset."""
    table = tables.dataset_examples
    found = connection.scalar(select(func.count()).select_from(table).where(table.c.dataset_id == dataset_id))
    return int(found or 0)


def members(connection: Connection, dataset_id: int) -> list[str]:
    """Ids of the captured examples in a dataset."""
    table = tables.dataset_examples
    return list(connection.scalars(select(table.c.example_id).where(table.c.dataset_id == dataset_id)))


def held_out_from(connection: Connection, dataset: Dataset) -> list[int]:
    """Ids of the datasets that are the other side of a split of a dataset, or other parts of its splits."""
    query = select(_table.c.id, _table.c.recipe).where(_table.c.id != dataset["id"]).order_by(_table.c.id)
    return [row.id for row in connection.execute(query) if _is_other_side(row.recipe, dataset["recipe"])]


def _is_other_side(other: Mapping[str, object], recipe: Mapping[str, object]) -> bool:
    """Whether both recipes are the same up to a split of which they took different sides."""
    if "part_of" in recipe:
        return other.get("part_of") == recipe["part_of"] and other.get("part") != recipe.get("part")
    ours, theirs = (cast("list[DerivationStep]", each.get("derived") or []) for each in (recipe, other))
    if not ours or _source(other) != _source(recipe):
        return False
    first = next((at for at, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
    if first is None or ours[first]["operation"] != "split":
        return False
    return {**ours[first], "side": None} == {**theirs[first], "side": None}


def _source(recipe: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in recipe.items() if key not in {"derived", "saved"}}


def _newest_where(connection: Connection, *conditions: ColumnElement[bool]) -> Dataset | None:
    query = select(_table).where(*conditions).order_by(_table.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _record(row)


def _record(row: RowMapping) -> Dataset:
    return record(Dataset, {**row, "created_at": iso(row["created_at"])})
