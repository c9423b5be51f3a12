"""A/B tests, their samples, and the running sums from which a verdict is computed without rescanning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from fine_tuning.store import tables
from fine_tuning.store.types import iso, now
from fine_tuning.store.upsert import insert

_table = tables.experiments
_arms = tables.experiment_arms
_samples = tables.samples


def create(connection: Connection, test_id: str, model_a: str, model_b: str, metadata: Mapping[str, Any]) -> bool:
    """Record a new test; False where the id is taken."""
    statement = insert(connection, _table).values(
        id=test_id, model_a=model_a, model_b=model_b, status="running", metadata=dict(metadata), started_at=now()
    )
    if connection.scalar(statement.on_conflict_do_nothing().returning(_table.c.id)) is None:
        return False
    connection.execute(_arms.insert(), [{"experiment_id": test_id, "arm": arm} for arm in tables.ARMS])
    return True


def add_concluded(connection: Connection, test: Mapping[str, Any]) -> None:
    """Keep a test that was concluded elsewhere; its samples are not known, only its result."""
    statement = insert(connection, _table).values(**test, status="completed")
    if connection.scalar(statement.on_conflict_do_nothing().returning(_table.c.id)) is not None:
        connection.execute(_arms.insert(), [{"experiment_id": test["id"], "arm": arm} for arm in tables.ARMS])


def add_sample(connection: Connection, test_id: str, arm: str, sample: Mapping[str, Any]) -> None:
    """Append a sample to a running test and update its sums in the same transaction.

    The k-th sample of one arm is paired with the k-th of the other; a pair that only one of them got right is counted.
    The caller holds the test's lock (`get(..., lock=True)`), so that pairing is exact where writers run at once.
    """
    sums = {"samples": _arms.c.samples + 1, "correct": _arms.c.correct + int(sample["correct"])}
    for measure, value in (("latency", sample["latency_ms"]), ("cost", sample["cost"])):
        if value is not None:
            sums[f"{measure}_count"] = _arms.c[f"{measure}_count"] + 1
            sums[f"{measure}_sum"] = _arms.c[f"{measure}_sum"] + value
            sums[f"{measure}_squares"] = _arms.c[f"{measure}_squares"] + value**2
    counted = update(_arms).where(_arms.c.experiment_id == test_id, _arms.c.arm == arm).values(**sums)
    ordinal = connection.execute(counted.returning(_arms.c.samples)).scalar_one()
    connection.execute(
        _samples.insert().values(experiment_id=test_id, arm=arm, ordinal=ordinal, recorded_at=now(), **sample)
    )
    partner = connection.scalar(
        select(_samples.c.correct).where(
            _samples.c.experiment_id == test_id, _samples.c.arm != arm, _samples.c.ordinal == ordinal
        )
    )
    if partner is not None and partner != sample["correct"]:
        winner = arm if sample["correct"] else next(other for other in tables.ARMS if other != arm)
        column = _table.c.a_only if winner == "model_a" else _table.c.b_only
        connection.execute(update(_table).where(_table.c.id == test_id).values({column: column + 1}))


def get(connection: Connection, test_id: str, *, lock: bool = False) -> dict[str, Any] | None:
    """A test with its arms' sums under `arms`, or None; `lock` keeps other writers out until the transaction ends."""
    query = select(_table).where(_table.c.id == test_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        return None
    arms = connection.execute(select(_arms).where(_arms.c.experiment_id == test_id)).mappings()
    record = {**row, "arms": {arm["arm"]: dict(arm) for arm in arms}}
    return record | {"started_at": iso(row["started_at"]), "completed_at": iso(row["completed_at"])}


def ids(connection: Connection) -> list[str]:
    """Every test's id, oldest first."""
    return list(connection.scalars(select(_table.c.id).order_by(_table.c.started_at, _table.c.id)))


def conclude(connection: Connection, test_id: str, result: Mapping[str, Any]) -> None:
    """Store the verdict; the test takes no more samples."""
    connection.execute(
        update(_table)
        .where(_table.c.id == test_id, _table.c.status == "running")
        .values(status="completed", completed_at=now(), result=dict(result))
    )


def cost_per_call(connection: Connection, names: Sequence[str]) -> float | None:
    """Mean cost of the samples of a model under any of its names over all tests, in US dollars; None without any."""
    arm_of = [(_table.c.model_a.in_(names), "model_a"), (_table.c.model_b.in_(names), "model_b")]
    total, count = 0.0, 0
    for is_model, arm in arm_of:
        query = (
            select(func.sum(_arms.c.cost_sum), func.sum(_arms.c.cost_count))
            .join(_table, _table.c.id == _arms.c.experiment_id)
            .where(is_model, _arms.c.arm == arm)
        )
        arm_total, arm_count = connection.execute(query).one()
        total, count = total + float(arm_total or 0.0), count + int(arm_count or 0)
    return total / count if count else None
