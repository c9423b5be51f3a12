"""Samples of A/B tests, and the sums over clusters of them (such as a user's)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple, TypedDict

from sqlalchemy import BindParameter, Connection, bindparam, func, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import NewSample, Sample
from fine_tuning.store.records.rows import record
from fine_tuning.store.upsert import insert

_samples = tables.samples
_clusters = tables.experiment_clusters
IDS_PER_QUERY = 500  # values of one IN
SampleKey = tuple[Arm, str]  # arm and sample_id
ClusterKey = tuple[Arm, str]  # arm and cluster_id
# Built once: these run for every sample.
_ID: BindParameter[str] = bindparam("test")
_INSERT = _samples.insert()
_BY_ID = select(*(_samples.c[name] for name in Sample.__annotations__)).where(
    _samples.c.experiment_id == _ID, _samples.c.sample_id.in_(bindparam("ids", expanding=True))
)


class Outcome(TypedDict, total=False):
    """What becomes known of a sample after it was recorded."""

    score: float
    reference: str


def add(connection: Connection, test_id: str, rows: Sequence[NewSample]) -> None:
    """Append samples."""
    if not rows:
        return
    # What no sample has is left to its default: each column of each row costs time.
    used = {name for row in rows for name, value in row.items() if value is not None}
    common = {"experiment_id": test_id, "recorded_at": now()}
    connection.execute(_INSERT, [common | {name: value for name, value in row.items() if name in used} for row in rows])


def by_id(connection: Connection, test_id: str, sample_ids: Sequence[str]) -> dict[SampleKey, Sample]:
    """The samples with these ids, by arm and id."""
    found: dict[SampleKey, Sample] = {}
    for start in range(0, len(sample_ids), IDS_PER_QUERY):
        some = sample_ids[start : start + IDS_PER_QUERY]
        rows = connection.execute(_BY_ID, {"test": test_id, "ids": list(some)}).mappings()
        found.update({(row["arm"], row["sample_id"]): record(Sample, row) for row in rows})
    return found


class Answered(NamedTuple):
    """The prediction of an arm and its reference."""

    arm: Arm
    prediction: str | None
    reference: str


def with_reference(connection: Connection, test_id: str, limit: int) -> list[Answered]:
    """The first samples of a test that have a reference."""
    query = (
        select(_samples.c.arm, _samples.c.prediction, _samples.c.reference)
        .where(_samples.c.experiment_id == test_id, _samples.c.reference.is_not(None))
        .order_by(_samples.c.id)
        .limit(limit)
    )
    return [Answered(*row) for row in connection.execute(query)]


def set_outcome(connection: Connection, sample: int, outcome: Outcome) -> None:
    """Store the outcome of a sample."""
    connection.execute(update(_samples).where(_samples.c.id == sample).values(**outcome))


def count(connection: Connection, test_id: str) -> dict[str, int]:
    """Number of stored samples by arm."""
    query = select(_samples.c.arm, func.count()).where(_samples.c.experiment_id == test_id).group_by(_samples.c.arm)
    return {row[0]: row[1] for row in connection.execute(query)}


@dataclass
class Unit:
    """Sums of one model's scores of a unit, such as a user.

    Attributes:
        size: number of scores.
        total, covariate: sums of the scores, and of the covariate from its origin.
        ordinal: number of the first sample within the model; 0 where unknown.
        stratum: of the first sample.
        measures: size and total of other figures by name.
    """

    size: int = 0
    total: float = 0.0
    covariate: float = 0.0
    ordinal: int = 0
    stratum: str = ""
    measures: dict[str, tuple[int, float]] = field(default_factory=dict)


def clusters(connection: Connection, test_id: str, cluster_ids: Sequence[str]) -> dict[ClusterKey, Unit]:
    """Clusters by arm and id."""
    found: dict[ClusterKey, Unit] = {}
    for start in range(0, len(cluster_ids), IDS_PER_QUERY):
        some = cluster_ids[start : start + IDS_PER_QUERY]
        query = select(_clusters).where(_clusters.c.experiment_id == test_id, _clusters.c.cluster_id.in_(some))
        for row in connection.execute(query):
            measures = {name: (int(size), float(total)) for name, (size, total) in (row.measures or {}).items()}
            sums = (row.size, row.total, row.covariate or 0.0, row.ordinal or 0, row.stratum or "")
            found[row.arm, row.cluster_id] = Unit(*sums, measures)
    return found


def set_clusters(connection: Connection, test_id: str, changed: Mapping[ClusterKey, Unit]) -> None:
    """Store the sums of clusters, in place of those stored before."""
    if not changed:
        return
    rows = [
        {"experiment_id": test_id, "arm": arm, "cluster_id": cluster, **vars(sums)}
        for (arm, cluster), sums in changed.items()
    ]
    statement = insert(connection, _clusters)
    keys = ("experiment_id", "arm", "cluster_id")
    columns = {each.name: statement.excluded[each.name] for each in fields(Unit)}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=columns), rows)
