"""Models that are trained again elsewhere, step by step, so that an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from fine_tuning.store import tables
from fine_tuning.store.types import now
from fine_tuning.store.upsert import insert

_table = tables.relocations


def begin(connection: Connection, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The relocation that is asked for, which may have begun before.

    Args:
        asked: model_name, version, base_model, provider, and whatever else makes it another one.
    """
    digest = hashlib.sha256(json.dumps(dict(asked), sort_keys=True, default=str).encode()).hexdigest()
    key = f"relocation-{digest[:24]}"
    columns = {name: asked[name] for name in ("model_name", "version", "base_model", "provider")}
    values = {"id": key, **columns, "done": {}, "created_at": now()}
    connection.execute(insert(connection, _table).values(**values).on_conflict_do_nothing())
    return dict(connection.execute(select(_table).where(_table.c.id == key)).mappings().one())


def note(connection: Connection, relocation_id: str, step: str, made: Any, *, last: bool = False) -> None:
    """Keep what a step made."""
    done = dict(connection.scalar(select(_table.c.done).where(_table.c.id == relocation_id)) or {})
    ended = {"finished_at": now()} if last else {}
    changed = update(_table).where(_table.c.id == relocation_id).values(done={**done, step: made}, **ended)
    connection.execute(changed)
