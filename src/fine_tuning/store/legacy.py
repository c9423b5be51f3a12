"""JSON files of the older file-based system, read into the database once; the originals are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from fine_tuning.errors import DataError
from fine_tuning.files import read_json
from fine_tuning.store import costs, imports, models
from fine_tuning.store.database import Database
from fine_tuning.store.tables import MODEL_STATUSES
from fine_tuning.store.types import now

ACTOR = "import of the older system"


def import_registry(database: Database, path: Path) -> None:
    """A registry file: model name -> list of version records.

    Raises:
        DataError: the file is not such a file; nothing was imported.
    """
    _import_once(database, path, "registry", _registry)


def import_costs(database: Database, path: Path) -> None:
    """A cost file: `{"jobs": {job id: record}, "inferences": [record]}`.

    Raises:
        DataError: the file is not such a file; nothing was imported.
    """
    _import_once(database, path, "costs", _costs)


def _import_once(database: Database, path: Path, kind: str, read: Callable[[Connection, Any], int]) -> None:
    if path.suffix not in {".json", ".jsonl"} or not path.is_file():
        return
    key = str(path.absolute())
    with database.read() as tx:
        if imports.is_done(tx, key, kind):
            return
    content = read_json(path)
    with database.write() as tx:
        if imports.is_done(tx, key, kind):
            return
        try:
            imports.mark_done(tx, key, kind, read(tx, content))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"{path} is no {kind} file of the older system ({error!r}); nothing was imported") from None


def _registry(tx: Connection, content: Mapping[str, list[Mapping[str, Any]]]) -> int:
    count = 0
    for name, versions in content.items():
        deployed = [record["version"] for record in versions if record.get("status") == "DEPLOYED"]
        for record in versions:
            status = record.get("status", "READY")
            # The older system could leave several versions deployed; the newest of them is the one in force.
            if status not in MODEL_STATUSES or (status == "DEPLOYED" and record["version"] != deployed[-1]):
                status = "ARCHIVED"
            version = {
                "model_name": name,
                "base_model": record["base_model"],
                "job_id": record["job_id"],
                "dataset_size": record["dataset_size"],
                "accuracy": record.get("accuracy"),
                "cost": record.get("cost"),
                "status": status,
                "metadata": record.get("metadata") or {},
                "registered_at": _moment(record.get("registered_at")) or now(),
                "deployed_at": _moment(record.get("deployed_at")),
            }
            models.register(tx, version, actor=ACTOR, number=record["version"])
            count += 1
    return count


def _costs(tx: Connection, content: Mapping[str, Any]) -> int:
    for record in content["jobs"].values():
        costs.add(
            tx,
            {
                "kind": "training",
                "model_name": record["model_name"],
                "base_model": record.get("base_model"),
                "job_id": record["job_id"],
                "dataset_size": record.get("dataset_size"),
                "tokens": record.get("training_tokens"),
                "cost": record.get("total_cost"),
                "is_fine_tuned": True,
                "metadata": record.get("metadata") or {},
                "recorded_at": _moment(record.get("recorded_at")) or now(),
            },
        )
    for record in content["inferences"]:
        costs.add(
            tx,
            {
                "kind": "inference",
                "model_name": record["model_name"],
                "tokens": record.get("tokens_used"),
                "cost": record.get("cost"),
                "is_fine_tuned": record.get("is_fine_tuned"),
                "metadata": record.get("metadata") or {},
                "recorded_at": _moment(record.get("timestamp")) or now(),
            },
        )
    return len(content["jobs"]) + len(content["inferences"])


def _moment(value: str | None) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
