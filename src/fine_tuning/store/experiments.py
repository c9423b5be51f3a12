"""A/B tests, their running sums, decisions and looks. Samples are in `experiment_samples`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypedDict, get_args

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, func, or_, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now, written
from fine_tuning.store.costs import Moments, summed
from fine_tuning.store.records.experiment_json import Arm, DesignRecord, ExperimentResult, Slots, StatisticsRecord
from fine_tuning.store.records.experiments import Experiment, ExperimentDecision, ExperimentLook
from fine_tuning.store.records.rows import JsonColumn, record, records
from fine_tuning.store.upsert import insert

_table = tables.experiments
ARMS: list[Arm] = list(get_args(Arm))
_decisions = tables.experiment_decisions
# Built once: these run for every sample.
_ID: BindParameter[str] = bindparam("test")
_GET = select(_table).where(_table.c.id == _ID)
_LOCK = _GET.with_for_update()
_LOCK_SUMS = select(_table.c.status, _table.c.statistics, _table.c.more).where(_table.c.id == _ID).with_for_update()
_SET_STATISTICS = update(_table).where(_table.c.id == _ID).values(statistics=bindparam("state"))


class NewExperiment(TypedDict):
    """A test to be created; see `tables.experiments`."""

    id: str
    model_a: str
    model_b: str
    more: list[str] | None
    design: DesignRecord
    slots: Slots
    layer: str | None
    pinned: dict[Arm, str]
    metadata: JsonColumn


class ConcludedExperiment(TypedDict):
    """A test that was concluded elsewhere; see `tables.experiments`."""

    id: str
    model_a: str
    model_b: str
    metadata: JsonColumn
    started_at: datetime
    completed_at: datetime
    result: JsonColumn


class NewLook(TypedDict):
    """The interval of a test at a size; None where there is no bound yet."""

    size: int
    effect: float
    low: float | None
    high: float | None
    p_value: float | None


def create(connection: Connection, test: NewExperiment) -> bool:
    """Record a new test; False where the id is taken."""
    statement = insert(connection, _table).values(status="running", started_at=now(), late=0, **test)
    return connection.scalar(statement.on_conflict_do_nothing().returning(_table.c.id)) is not None


def add_concluded(connection: Connection, test: ConcludedExperiment) -> None:
    """Record the result of a test that was concluded elsewhere; its samples are unknown."""
    statement = insert(connection, _table).values(status="completed", design={}, slots=[], late=0, **test)
    connection.execute(statement.on_conflict_do_nothing())


def get(connection: Connection, test_id: str, *, lock: bool = False) -> Experiment | None:
    """A test, or None; `lock` blocks other writers of it until the transaction ends."""
    row = connection.execute(_LOCK if lock else _GET, {"test": test_id}).one_or_none()
    return None if row is None else _experiment(row)


class Sums(NamedTuple):
    """A test's status, running sums and arms."""

    status: str
    statistics: StatisticsRecord | None
    arms: list[Arm]


def lock(connection: Connection, test_id: str) -> Sums | None:
    """Block other writers of a test until the transaction ends. None for an unknown test."""
    row = connection.execute(_LOCK_SUMS, {"test": test_id}).one_or_none()
    return None if row is None else Sums(row.status, row.statistics, ARMS[: 2 + len(row.more or ())])


def models(test: Experiment) -> dict[Arm, str]:
    """The models of a test by arm."""
    return dict(zip(ARMS, (test["model_a"], test["model_b"], *(test["more"] or ())), strict=False))


def find(connection: Connection, status: str | None = None) -> list[Experiment]:
    """All tests, or those with a status, oldest first."""
    query = select(_table).order_by(_table.c.started_at, _table.c.id)
    return [_experiment(row) for row in connection.execute(query.where(_table.c.status == status) if status else query)]


def ids(connection: Connection) -> list[str]:
    """The ids of all tests, oldest first."""
    return list(connection.scalars(select(_table.c.id).order_by(_table.c.started_at, _table.c.id)))


def in_layer(connection: Connection, layer: str) -> list[Experiment]:
    """The running tests of a layer; see `lock_layer`."""
    query = select(_table).where(_table.c.layer == layer, _table.c.status == "running").order_by(_table.c.id)
    return [_experiment(row) for row in connection.execute(query)]


def lock_layer(connection: Connection, layer: str) -> None:
    """Serialise transactions that change the units of a layer's tests, also before its first test exists."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(layer, 0))))


def set_slots(connection: Connection, test_id: str, slots: Slots) -> None:
    """Change which thousandths of the units take part."""
    connection.execute(update(_table).where(_table.c.id == test_id).values(slots=slots))


def set_statistics(connection: Connection, test_id: str, state: StatisticsRecord) -> None:
    """Store the running sums; the caller holds the test's lock."""
    connection.execute(_SET_STATISTICS, {"test": test_id, "state": written(state)})


def add_look(connection: Connection, test_id: str, look: NewLook) -> None:
    """Store the interval of a test at a size; one stored at that size before stays."""
    statement = insert(connection, tables.experiment_looks).values(experiment_id=test_id, **look, created_at=now())
    connection.execute(statement.on_conflict_do_nothing())


def looks(connection: Connection, test_id: str) -> list[ExperimentLook]:
    """The intervals of a test over time, smallest size first."""
    table = tables.experiment_looks
    query = select(table).where(table.c.experiment_id == test_id).order_by(table.c.size)
    return records(ExperimentLook, connection.execute(query).mappings())


def count_late(connection: Connection, test_id: str, count: int) -> None:
    """Count samples that arrive after the end."""
    connection.execute(update(_table).where(_table.c.id == test_id).values(late=_table.c.late + count))


def conclude(connection: Connection, test_id: str, result: ExperimentResult) -> None:
    """Store the verdict; the test takes no more samples."""
    connection.execute(
        update(_table)
        .where(_table.c.id == test_id, _table.c.status == "running")
        .values(status="completed", completed_at=now(), result=dict(result))
    )


def decide(connection: Connection, test_id: str, action: str, model: str | None, reason: str) -> None:
    """Append to the log of decisions."""
    row = {"experiment_id": test_id, "action": action, "model": model, "reason": reason, "created_at": now()}
    connection.execute(_decisions.insert().values(**row))


class ArmNames(NamedTuple):
    """The models of a test by arm: the versions that they were pinned to, if they were; the time is ISO 8601."""

    id: str
    models: dict[Arm, str]
    is_pinned: bool
    started_at: str


def arm_names(connection: Connection) -> list[ArmNames]:
    """The models of every test, oldest first."""
    columns = _table.c.id, _table.c.model_a, _table.c.model_b, _table.c.more, _table.c.pinned, _table.c.started_at
    rows = connection.execute(select(*columns).order_by(_table.c.started_at, _table.c.id))
    return [
        ArmNames(
            row.id,
            row.pinned or dict(zip(ARMS, (row.model_a, row.model_b, *(row.more or ())), strict=False)),
            bool(row.pinned),
            row.started_at.isoformat(),
        )
        for row in rows
    ]


def decisions(connection: Connection, test_id: str) -> list[ExperimentDecision]:
    """The decisions about a test, oldest first."""
    columns = [_decisions.c[name] for name in ExperimentDecision.__annotations__]
    query = select(*columns).where(_decisions.c.experiment_id == test_id).order_by(_decisions.c.id)
    rows = connection.execute(query).mappings()
    return [record(ExperimentDecision, {**row, "created_at": iso(row["created_at"])}) for row in rows]


Counts = Callable[[Experiment, Arm], bool]
"""Whether the samples of an arm count."""


def costs_of(connection: Connection, names: Sequence[str], counts: Counts) -> Moments:
    """The costs (US dollars) of a model's samples, under any of its names."""
    tests = map(_experiment, connection.execute(select(_table).where(_has_model(names))))
    arms = ((test, arm) for test in tests for arm, model in models(test).items() if model in names)
    return summed([Moments(), *(costs_in(test, arm) for test, arm in arms if counts(test, arm))])


def costs_in(test: Experiment, arm: Arm) -> Moments:
    """As `costs_of`, of the samples of one arm of a test; failed calls without a cost are not among the calls."""
    state = test["statistics"]
    if state is None:
        return Moments()
    measures, samples = state["arms"][arm]["measures"], state["arms"][arm]["samples"]
    cost, failed = (measures.get(name) for name in ("cost", "errors"))
    answered = samples - (round(failed["total"]) if failed else 0)
    if not cost or not cost["count"]:
        return Moments(calls=answered)
    squares = cost["squares"] + cost["total"] ** 2 / cost["count"]
    return Moments(cost["count"], cost["total"], squares, max(answered, cost["count"]))


def model_names(connection: Connection) -> set[str]:
    """The names of all models in tests."""
    query = select(_table.c.model_a, _table.c.model_b, _table.c.more)
    return {name for a, b, more in connection.execute(query) for name in (a, b, *(more or ()))}


def _has_model(names: Sequence[str]) -> ColumnElement[bool]:
    """Whether a test has a model of one of these names; of those with further models, perhaps."""
    return or_(_table.c.model_a.in_(names), _table.c.model_b.in_(names), _table.c.more.is_not(None))


def _experiment(row: Row[Any]) -> Experiment:
    values = row._mapping
    times = {"started_at": iso(values["started_at"]), "completed_at": iso(values["completed_at"])}
    return record(Experiment, {**values, **times})
