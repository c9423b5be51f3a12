"""Evaluations and their per-example results."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, RowMapping, Select, select

from fine_tuning._util.model_names import version_name
from fine_tuning.store import model_versions, named_versions, tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.records.evaluations import Evaluation, EvaluationRow, NewEvaluation, ScoredExample
from fine_tuning.store.records.rows import record, records

_table = tables.evaluations


def add(connection: Connection, evaluation: NewEvaluation, examples: Sequence[ScoredExample]) -> int:
    """Store an evaluation and one row per example. Returns its id.

    It is linked to the registered version that `metadata["version"]` names, else to the one that the name stands for
    now; see `named_versions.find`.

    Raises:
        NotFoundError: the model is registered, and has no such version or alias.
    """
    linked = _answered_by(connection, evaluation)
    created = connection.execute(_table.insert().values(**evaluation, model_version_id=linked, created_at=now()))
    evaluation_id: int = created.inserted_primary_key[0]  # type: ignore[index]
    if examples:
        rows = [{"evaluation_id": evaluation_id, "ordinal": i, **example} for i, example in enumerate(examples, 1)]
        connection.execute(tables.evaluation_results.insert(), rows)
    return evaluation_id


def _answered_by(connection: Connection, evaluation: NewEvaluation) -> int | None:
    """The row of the registered version that an evaluation is of; None where its model is not registered."""
    name, version = evaluation["model_name"], evaluation["metadata"].get("version")
    if isinstance(version, int):
        name = version_name(name, version)
    found = named_versions.find_or_raise(connection, name)
    return None if found is None else model_versions.version_id(connection, found["model_name"], found["version"])


def all_evaluations(connection: Connection) -> list[Evaluation]:
    """Every evaluation, oldest first."""
    return _list(connection, select(_table))


def get(connection: Connection, evaluation_id: int) -> Evaluation | None:
    """One evaluation, or None."""
    return _one(connection, select(_table).where(_table.c.id == evaluation_id))


def latest(connection: Connection, model_name: str) -> Evaluation | None:
    """The latest evaluation of a model, or None."""
    query = select(_table).where(_table.c.model_name == model_name).order_by(_table.c.id.desc()).limit(1)
    return _one(connection, query)


def of_model(connection: Connection, model_name: str) -> list[Evaluation]:
    """The evaluations of a model by its name, oldest first."""
    return _list(connection, select(_table).where(_table.c.model_name == model_name))


def of_version(connection: Connection, model_name: str, version: int) -> list[Evaluation]:
    """The evaluations of a registered version, oldest first."""
    row_id = model_versions.version_id(connection, model_name, version)
    return _list(connection, select(_table).where(_table.c.model_version_id == row_id))


def of_name(connection: Connection, name: str) -> list[Evaluation]:
    """The evaluations of the version that `<name>-v<version>` or `<name>@<alias>` names, else those of a model."""
    found = named_versions.find(connection, name)
    if found is None or found["model_name"] == name:
        return of_model(connection, name)
    return of_version(connection, found["model_name"], found["version"]) or of_model(connection, name)


def names(connection: Connection) -> list[str]:
    """The names of all evaluated models."""
    return list(connection.scalars(select(_table.c.model_name).distinct().order_by(_table.c.model_name)))


def results(connection: Connection, evaluation_id: int) -> list[EvaluationRow]:
    """The per-example rows of an evaluation, in order."""
    table = tables.evaluation_results
    query = select(table).where(table.c.evaluation_id == evaluation_id).order_by(table.c.ordinal)
    return records(EvaluationRow, connection.execute(query).mappings())


def latencies(connection: Connection, evaluation_ids: Collection[int]) -> dict[int, list[float]]:
    """The known latencies of the examples of evaluations, in milliseconds, by evaluation."""
    table = tables.evaluation_results
    query = select(table.c.evaluation_id, table.c.latency_ms).where(
        table.c.evaluation_id.in_(evaluation_ids), table.c.latency_ms.is_not(None)
    )
    found: dict[int, list[float]] = {each: [] for each in evaluation_ids}
    for evaluation_id, latency in connection.execute(query):
        found[evaluation_id].append(latency)
    return found


def _list(connection: Connection, query: Select[tuple[object, ...]]) -> list[Evaluation]:
    return [_evaluation(row) for row in connection.execute(query.order_by(_table.c.id)).mappings()]


def _one(connection: Connection, query: Select[tuple[object, ...]]) -> Evaluation | None:
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _evaluation(row)


def _evaluation(row: RowMapping) -> Evaluation:
    return record(Evaluation, {**row, "created_at": iso(row["created_at"])})
