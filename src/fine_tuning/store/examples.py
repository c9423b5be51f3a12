"""Captured calls (examples) and their ratings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, Connection, Row, String, case, cast, func, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso
from fine_tuning.store.records.examples import Example, NewExample
from fine_tuning.store.records.rows import record
from fine_tuning.store.upsert import insert

CURATED_RATING = 4
BLOCK_ROWS = 1000
_table = tables.examples
_columns = _table.c
KEY = "key"  # of the group that a query finds beside an example
_NOT_IN_RECORD = {"judged", "project", KEY}  # what is known of a call here, and no part of it


def capture(connection: Connection, rows: Sequence[NewExample], *, are_rated: bool = True) -> int:
    """Store captured calls. Returns the number of new ones.

    A known call gets one more sighting, and the newer rating unless it was rated by a person.

    Args:
        are_rated: somebody rated them; else a known call keeps its rating.
    """
    statement = insert(connection, _table)
    upsert = statement.on_conflict_do_update(
        index_elements=[_columns.id],
        set_={
            "sightings": _columns.sightings + 1,
            "rating": case((_columns.judged | (not are_rated), _columns.rating), else_=statement.excluded.rating),
            "last_seen_at": statement.excluded.last_seen_at,
        },
    )
    new = 0
    for block in _without_repeats(rows):
        new += len(block) - len(known(connection, [row["id"] for row in block]))
        connection.execute(upsert, [{**row, "sightings": 1, "last_seen_at": row["captured_at"]} for row in block])
    return new


def known(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these calls are stored."""
    found: set[str] = set()
    for start in range(0, len(ids), BLOCK_ROWS):
        found.update(connection.scalars(select(_columns.id).where(_columns.id.in_(ids[start : start + BLOCK_ROWS]))))
    return found


def _without_repeats(rows: Sequence[NewExample]) -> Iterator[list[NewExample]]:
    """The rows in blocks that have a call once: a statement cannot change a row that it has inserted."""
    block: dict[str, NewExample] = {}
    for row in rows:
        if row["id"] in block or len(block) >= BLOCK_ROWS:
            yield list(block.values())
            block = {}
        block[row["id"]] = row
    if block:
        yield list(block.values())


def find(
    connection: Connection,
    *,
    min_rating: int,
    domain: str | None = None,
    task_type: str | None = None,
    project: str | None = None,
    limit: int | None = None,
) -> list[Example]:
    """Records rated at least `min_rating`, oldest first."""
    conditions: list[ColumnElement[bool]] = [_columns.rating >= min_rating]
    if domain is not None:
        conditions.append(_columns.domain == domain)
    if task_type is not None:
        conditions.append(_columns.task_type == task_type)
    conditions += _of_project(project)
    query = select(_table).where(*conditions).order_by(_columns.captured_at, _columns.id).limit(limit)
    return [record_of(row) for row in connection.execute(query)]


def each(connection: Connection, project: str | None = None) -> Iterator[Example]:
    """Every record (of a project), oldest first, with a block of them in memory at a time."""
    query = select(_table).where(*_of_project(project)).order_by(_columns.captured_at, _columns.id)
    for row in connection.execution_options(yield_per=BLOCK_ROWS).execute(query):
        yield record_of(row)


def get(connection: Connection, example_id: str) -> Example | None:
    """One record, or None."""
    row = connection.execute(select(_table).where(_columns.id == example_id)).one_or_none()
    return None if row is None else record_of(row)


def project_of(connection: Connection, example_id: str) -> str | None:
    """The project of a captured call; None where there is no such call."""
    found: str | None = connection.scalar(select(_columns.project).where(_columns.id == example_id))
    return found


def is_of(connection: Connection, example_id: str, project: str | None) -> bool:
    """Whether there is such a call, in the project if one is named."""
    found = project_of(connection, example_id)
    return found is not None and project in {None, found}


def _of_project(project: str | None) -> list[ColumnElement[bool]]:
    return [] if project is None else [_columns.project == project]


def lock(connection: Connection, example_id: str) -> tuple[Example, bool] | None:
    """One record, locked until the end of the transaction, and whether a person has rated it; or None."""
    row = connection.execute(select(_table).where(_columns.id == example_id).with_for_update()).one_or_none()
    return None if row is None else (record_of(row), bool(row.judged))


def rate(connection: Connection, example_id: str, rating: int, *, judged: bool = True) -> bool:
    """Set a rating; False if there is no such example.

    Args:
        judged: the rating is a person's, which later sightings do not change.
    """
    query = update(_table).where(_columns.id == example_id).values(rating=rating, judged=judged)
    return connection.execute(query).rowcount == 1


def models_in(connection: Connection, *dataset_ids: int) -> dict[str, int]:
    """The number of the captured calls in datasets, each once, by the model that answered."""
    members = tables.dataset_examples
    count = func.count(_columns.id.distinct())
    query = select(_columns.model_used, count).join(members, members.c.example_id == _columns.id)
    found = query.where(members.c.dataset_id.in_(dataset_ids)).group_by(_columns.model_used)
    return {model: n for model, n in connection.execute(found.order_by(_columns.model_used))}  # noqa: C416 - typed


def providers_in(connection: Connection, dataset_id: int) -> list[tuple[str, str | None, int]]:
    """The captured calls in a dataset: the model that answered, what was noted as its provider, and how many."""
    members, provider = tables.dataset_examples, cast(_columns.metadata["provider"].as_string(), String)
    query = select(_columns.model_used, provider, func.count()).join(members, members.c.example_id == _columns.id)
    found = query.where(members.c.dataset_id == dataset_id).group_by(_columns.model_used, provider)
    return [(model, host, n) for model, host, n in connection.execute(found.order_by(_columns.model_used, provider))]


def of_ids(connection: Connection, ids: Sequence[str]) -> list[Example]:
    """The captured calls with these ids."""
    found: list[Example] = []
    for start in range(0, len(ids), BLOCK_ROWS):
        query = select(_table).where(_columns.id.in_(ids[start : start + BLOCK_ROWS]))
        found += map(record_of, connection.execute(query))
    return found


def answered_in(connection: Connection, dataset_id: int, model: str) -> list[tuple[str, int | None]]:
    """When a name answered each of its calls in a dataset (ISO 8601), and the version that did, where it was noted."""
    members = tables.dataset_examples
    query = (
        select(_columns.captured_at, _columns.metadata)
        .join(members, members.c.example_id == _columns.id)
        .where(members.c.dataset_id == dataset_id, _columns.model_used == model)
    )
    return [
        (row.captured_at.isoformat(), number if isinstance(number := row.metadata.get("version"), int) else None)
        for row in connection.execute(query)
    ]


def model_names(connection: Connection) -> list[str]:
    """The names of all models that have answered captured calls."""
    return list(connection.scalars(select(_columns.model_used).distinct().order_by(_columns.model_used)))


def prompts_of(connection: Connection, models: Sequence[str]) -> list[tuple[str, str]]:
    """Id and prompt of the captured calls of models."""
    query = select(_columns.id, _columns.prompt).where(_columns.model_used.in_(models))
    return [(row.id, row.prompt) for row in connection.execute(query)]


def responses_of(connection: Connection, models: Sequence[str], before: str | None) -> list[str]:
    """The different responses that models have given (before a time, ISO 8601)."""
    query = select(_columns.response).where(_columns.model_used.in_(models)).distinct()
    if before is not None:
        query = query.where(_columns.captured_at < datetime.fromisoformat(before))
    return list(connection.scalars(query))


def totals(connection: Connection) -> tuple[int, int]:
    """The number of examples, and of the curated ones."""
    query = select(func.count()).select_from(_table)
    curated = query.where(_columns.rating >= CURATED_RATING)
    return connection.scalar(query) or 0, connection.scalar(curated) or 0


class ExampleCounts(TypedDict):
    """Totals of captured examples; `domains` has the number of curated ones by domain."""

    examples: int
    sightings: int
    curated: int
    domains: dict[str, int]
    preferences: int


def counts(connection: Connection) -> ExampleCounts:
    """Totals of examples, sightings, preference pairs, and curated examples by domain."""
    examples, sightings = connection.execute(select(func.count(), func.sum(_columns.sightings))).one()
    by_domain = (
        select(_columns.domain, func.count())
        .where(_columns.rating >= CURATED_RATING)
        .group_by(_columns.domain)
        .order_by(_columns.domain)
    )
    domains: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_domain)}
    return {
        "examples": examples,
        "sightings": int(sightings or 0),
        "curated": sum(domains.values()),
        "domains": domains,
        "preferences": connection.scalar(select(func.count()).select_from(tables.preferences)) or 0,
    }


def record_of(row: Row[tuple[Any, ...]]) -> Example:
    """A row of the table as a record."""
    columns = {name: value for name, value in row._mapping.items() if name not in _NOT_IN_RECORD}
    times = {"captured_at": iso(row.captured_at), "last_seen_at": iso(row.last_seen_at)}
    return record(Example, {**columns, **times, "curated": row.rating >= CURATED_RATING})
