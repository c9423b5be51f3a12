"""Relocations: models trained again on another base, with the result of each step, so that they can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from sqlalchemy import Connection, func, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.relocations import Relocation, RelocationRequest
from fine_tuning.store.records.rows import JsonColumn, record
from fine_tuning.store.upsert import insert

_table = tables.relocations


def start_or_resume(connection: Connection, request: RelocationRequest) -> Relocation:
    """The relocation of a request: a new one, or the one that an earlier run started."""
    key = _key(request)
    values = {
        "id": key,
        "model_name": request["model_name"],
        "version": request["version"],
        "base_model": request["base_model"],
        "provider": request["provider"],
        "done": {},
        "created_at": now(),
    }
    connection.execute(insert(connection, _table).values(**values).on_conflict_do_nothing())
    return record(Relocation, connection.execute(select(_table).where(_table.c.id == key)).mappings().one())


def version_made(connection: Connection, request: RelocationRequest) -> int | None:
    """The version that the relocation of a request registered; None where it has not yet."""
    done: JsonColumn = connection.scalar(select(_table.c.done).where(_table.c.id == _key(request))) or {}
    return done.get("version")


def _key(request: RelocationRequest) -> str:
    digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
    return f"relocation-{digest[:24]}"


def record_step(
    connection: Connection, relocation_id: str, step: str, result: object, *, is_last: bool = False
) -> None:
    """Record the result of a step."""
    done = dict(connection.scalar(select(_table.c.done).where(_table.c.id == relocation_id)) or {})
    finished = {"finished_at": now()} if is_last else {}
    changed = update(_table).where(_table.c.id == relocation_id).values(done={**done, step: result}, **finished)
    connection.execute(changed)


def keep_only(connection: Connection, relocation_id: str, done: Mapping[str, object]) -> None:
    """Discard the results of all other steps."""
    connection.execute(update(_table).where(_table.c.id == relocation_id).values(done=dict(done)))


def lock_host(connection: Connection, host: str) -> None:
    """Let other account exports of this host wait until the transaction ends; on SQLite all writers wait anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"export {host}", 0))))
