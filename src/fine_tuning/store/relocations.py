"""Models that leave a host: trained again elsewhere step by step, so that an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.upsert import insert

_table = tables.relocations


def begin(connection: Connection, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The relocation that is asked for, which may have begun before.

    Args:
        asked: model_name, version, base_model, provider, and whatever else makes it another one.
    """
    key = _key(asked)
    columns = {name: asked[name] for name in ("model_name", "version", "base_model", "provider")}
    values = {"id": key, **columns, "done": {}, "created_at": now()}
    connection.execute(insert(connection, _table).values(**values).on_conflict_do_nothing())
    return dict(connection.execute(select(_table).where(_table.c.id == key)).mappings().one())


def version_made(connection: Connection, asked: Mapping[str, Any]) -> int | None:
    """The version that the relocation with this question made; None where there is none yet."""
    done = connection.scalar(select(_table.c.done).where(_table.c.id == _key(asked))) or {}
    return done.get("version")


def _key(asked: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(dict(asked), sort_keys=True, default=str).encode()).hexdigest()
    return f"relocation-{digest[:24]}"


def note(connection: Connection, relocation_id: str, step: str, made: Any, *, last: bool = False) -> None:
    """Keep what a step made."""
    done = dict(connection.scalar(select(_table.c.done).where(_table.c.id == relocation_id)) or {})
    ended = {"finished_at": now()} if last else {}
    changed = update(_table).where(_table.c.id == relocation_id).values(done={**done, step: made}, **ended)
    connection.execute(changed)


def keep_only(connection: Connection, relocation_id: str, done: Mapping[str, Any]) -> None:
    """Forget what other steps made."""
    connection.execute(update(_table).where(_table.c.id == relocation_id).values(done=dict(done)))


def take_turns(connection: Connection, host: str) -> None:
    """Until the transaction ends, no other export of this host writes; writers of SQLite wait for each other anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"export {host}", 0))))
