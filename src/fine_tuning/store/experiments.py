"""A/B tests, their samples, and the running sums from which a verdict is computed without rescanning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, func, or_, select, update

from fine_tuning._util.model_names import version_name
from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.upsert import insert

_table = tables.experiments
_samples = tables.samples
_clusters = tables.experiment_clusters
_decisions = tables.experiment_decisions
_SHOWN = ("id", "arm", "ordinal", "sample_id", "cluster_id", "prediction", "reference", "score", "error",
          "latency_ms", "cost", "covariate", "measures", "metadata")  # fmt: skip
AT_ONCE = 500  # values of one IN
# Built once: these run for every sample.
_ID: BindParameter[str] = bindparam("test")
_GET = select(_table).where(_table.c.id == _ID)
_LOCK = _GET.with_for_update()
_LOCK_SUMS = select(_table.c.status, _table.c.statistics).where(_table.c.id == _ID).with_for_update()
_SET_STATISTICS = update(_table).where(_table.c.id == _ID).values(statistics=bindparam("state"))
_INSERT = _samples.insert()
_SCORES_AT = select(_samples.c.ordinal, _samples.c.score).where(
    _samples.c.experiment_id == _ID,
    _samples.c.arm == bindparam("arm"),
    _samples.c.ordinal.between(bindparam("first"), bindparam("last")),
)
_BY_ID = select(*(_samples.c[name] for name in _SHOWN)).where(
    _samples.c.experiment_id == _ID, _samples.c.sample_id.in_(bindparam("ids", expanding=True))
)


def create(connection: Connection, test: Mapping[str, Any]) -> bool:
    """Record a new test; False where the id is taken."""
    statement = insert(connection, _table).values(status="running", started_at=now(), late=0, **test)
    return connection.scalar(statement.on_conflict_do_nothing().returning(_table.c.id)) is not None


def add_concluded(connection: Connection, test: Mapping[str, Any]) -> None:
    """Keep a test that was concluded elsewhere; its samples are not known, only its result."""
    statement = insert(connection, _table).values(status="completed", design={}, slots=[], late=0, **test)
    connection.execute(statement.on_conflict_do_nothing())


def get(connection: Connection, test_id: str, *, lock: bool = False) -> dict[str, Any] | None:
    """A test, or None; `lock` keeps other writers out until the transaction ends."""
    row = connection.execute(_LOCK if lock else _GET, {"test": test_id}).one_or_none()
    return None if row is None else _record(row)


def lock(connection: Connection, test_id: str) -> tuple[str, dict[str, Any] | None] | None:
    """Keep other writers of a test out until the transaction ends. Its status and running sums; None where unknown."""
    row = connection.execute(_LOCK_SUMS, {"test": test_id}).one_or_none()
    return None if row is None else (row.status, row.statistics)


def find(connection: Connection, status: str | None = None) -> list[dict[str, Any]]:
    """Every test, or those of a status, oldest first."""
    query = select(_table).order_by(_table.c.started_at, _table.c.id)
    return [_record(row) for row in connection.execute(query.where(_table.c.status == status) if status else query)]


def ids(connection: Connection) -> list[str]:
    """Every test's id, oldest first."""
    return list(connection.scalars(select(_table.c.id).order_by(_table.c.started_at, _table.c.id)))


def in_layer(connection: Connection, layer: str) -> list[dict[str, Any]]:
    """The running tests of a layer; see `lock_layer`."""
    query = select(_table).where(_table.c.layer == layer, _table.c.status == "running").order_by(_table.c.id)
    return [_record(row) for row in connection.execute(query)]


def lock_layer(connection: Connection, layer: str) -> None:
    """Let one transaction at a time change who takes part in a layer's tests, also in its first one."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(layer, 0))))


def set_slots(connection: Connection, test_id: str, slots: Sequence[Sequence[int]]) -> None:
    """Change which thousandths of the units take part."""
    connection.execute(update(_table).where(_table.c.id == test_id).values(slots=[list(each) for each in slots]))


def set_statistics(connection: Connection, test_id: str, state: Mapping[str, Any]) -> None:
    """Keep the running sums; the caller holds the test's lock."""
    connection.execute(_SET_STATISTICS, {"test": test_id, "state": dict(state)})


def add_look(connection: Connection, test_id: str, look: Mapping[str, Any]) -> None:
    """Note what a test showed at a size; what was noted at that size stays."""
    statement = insert(connection, tables.experiment_looks).values(experiment_id=test_id, **look, created_at=now())
    connection.execute(statement.on_conflict_do_nothing())


def looks(connection: Connection, test_id: str) -> list[dict[str, Any]]:
    """What a test showed over time, smallest size first."""
    table = tables.experiment_looks
    query = select(table).where(table.c.experiment_id == test_id).order_by(table.c.size)
    return [dict(row) for row in connection.execute(query).mappings()]


def count_late(connection: Connection, test_id: str, count: int) -> None:
    """Samples came after the end."""
    connection.execute(update(_table).where(_table.c.id == test_id).values(late=_table.c.late + count))


def add_samples(connection: Connection, test_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append samples; see `tables.samples` for what each has."""
    if not rows:
        return
    # What no sample has is left to its default: each column of each row costs time.
    used = {name for row in rows for name, value in row.items() if value is not None}
    known = {"experiment_id": test_id, "recorded_at": now()}
    connection.execute(_INSERT, [known | {name: row[name] for name in used} for row in rows])


def scores_at(connection: Connection, test_id: str, arm: str, first: int, last: int) -> dict[int, float]:
    """The scores of an arm from one ordinal to another, both included."""
    rows = connection.execute(_SCORES_AT, {"test": test_id, "arm": arm, "first": first, "last": last})
    return {row.ordinal: row.score for row in rows}


def samples_of(
    connection: Connection, test_id: str, sample_ids: Sequence[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """The samples with these ids, by arm and id."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for start in range(0, len(sample_ids), AT_ONCE):
        some = sample_ids[start : start + AT_ONCE]
        rows = connection.execute(_BY_ID, {"test": test_id, "ids": list(some)}).mappings()
        found.update({(row["arm"], row["sample_id"]): dict(row) for row in rows})
    return found


def set_outcome(connection: Connection, sample: int, outcome: Mapping[str, Any]) -> None:
    """What became known of a sample later."""
    connection.execute(update(_samples).where(_samples.c.id == sample).values(**outcome))


@dataclass
class Cluster:
    """Scores of one arm that belong together: how many, and their sum; measures: the same of other figures by name."""

    size: int = 0
    total: float = 0.0
    measures: dict[str, tuple[int, float]] = field(default_factory=dict)


def clusters_of(connection: Connection, test_id: str, cluster_ids: Sequence[str]) -> dict[tuple[str, str], Cluster]:
    """Clusters by arm and id."""
    found: dict[tuple[str, str], Cluster] = {}
    for start in range(0, len(cluster_ids), AT_ONCE):
        some = cluster_ids[start : start + AT_ONCE]
        query = select(_clusters).where(_clusters.c.experiment_id == test_id, _clusters.c.cluster_id.in_(some))
        for row in connection.execute(query):
            measures = {name: (int(size), float(total)) for name, (size, total) in (row.measures or {}).items()}
            found[row.arm, row.cluster_id] = Cluster(row.size, row.total, measures)
    return found


def set_clusters(connection: Connection, test_id: str, clusters: Mapping[tuple[str, str], Cluster]) -> None:
    """Keep what is known of clusters."""
    if not clusters:
        return
    rows = [
        {"experiment_id": test_id, "arm": arm, "cluster_id": cluster, **vars(known)}
        for (arm, cluster), known in clusters.items()
    ]
    statement = insert(connection, _clusters)
    keys = ("experiment_id", "arm", "cluster_id")
    changed = {name: statement.excluded[name] for name in ("size", "total", "measures")}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def conclude(connection: Connection, test_id: str, result: Mapping[str, Any]) -> None:
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


def of_version(connection: Connection, name: str, version: int) -> list[dict[str, Any]]:
    """The tests in which a version takes part, oldest first, with `arm`, the one that it is.

    A test of a registered name is about the version that it was pinned to, not about later ones of that name.
    """
    called = version_name(name, version)
    query = select(_table).where(or_(_table.c.model_a.in_((called, name)), _table.c.model_b.in_((called, name))))
    found = []
    for row in connection.execute(query.order_by(_table.c.started_at, _table.c.id)):
        models_by_arm = row.pinned or {arm: getattr(row, arm) for arm in tables.ARMS}
        names = {called} if row.pinned else {called, name}
        arm = next((arm for arm, model in models_by_arm.items() if model in names), None)
        if arm is not None:
            found.append(_record(row) | {"arm": arm})
    return found


def won_by(connection: Connection, name: str, version: int) -> list[str]:
    """The concluded tests that a version won."""
    found = []
    for test in of_version(connection, name, version):
        called = {version_name(name, version), test[test["arm"]]}
        ended = decisions(connection, test["id"])
        if any((each["action"] == "concluded" and each["reason"] in called)
               or (each["action"] == "promoted" and each["model"] in called) for each in ended):  # fmt: skip
            found.append(test["id"])
    return found


def decisions(connection: Connection, test_id: str) -> list[dict[str, Any]]:
    """What was decided, oldest first."""
    columns = [_decisions.c[name] for name in ("action", "model", "reason", "created_at")]
    query = select(*columns).where(_decisions.c.experiment_id == test_id).order_by(_decisions.c.id)
    return [{**row, "created_at": iso(row["created_at"])} for row in connection.execute(query).mappings()]


def costs_of(connection: Connection, names: Sequence[str]) -> tuple[int, float, float]:
    """Of the samples of a model, under any of its names over all tests, that have a cost in US dollars: how many, the
    sum of their costs, and that of their squares.
    """
    query = select(_table.c.model_a, _table.c.model_b, _table.c.statistics).where(
        or_(_table.c.model_a.in_(names), _table.c.model_b.in_(names)), _table.c.statistics.is_not(None)
    )
    count, total, squares = 0, 0.0, 0.0
    for model_a, model_b, state in connection.execute(query):
        for arm, model in zip(tables.ARMS, (model_a, model_b), strict=True):
            cost = state["arms"][arm]["measures"].get("cost")
            if model in names and cost and cost["count"]:
                count, total = count + cost["count"], total + cost["total"]
                squares += cost["squares"] + cost["total"] ** 2 / cost["count"]  # those of the state are about the mean
    return count, total, squares


def count_samples(connection: Connection, test_id: str) -> dict[str, int]:
    """How many samples are stored, by arm."""
    query = select(_samples.c.arm, func.count()).where(_samples.c.experiment_id == test_id).group_by(_samples.c.arm)
    return {row[0]: row[1] for row in connection.execute(query)}


def _record(row: Row[Any]) -> dict[str, Any]:
    record = dict(row._mapping)
    return record | {"started_at": iso(record["started_at"]), "completed_at": iso(record["completed_at"])}
