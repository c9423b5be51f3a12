"""Import JSON files of the older file-based system into the database, once; the originals are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import Connection

from fine_tuning._util import checks
from fine_tuning._util.files import is_file, read_json
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store import costs, experiments, imported_files, model_versions
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, expanded
from fine_tuning.store.records.costs import NewCostEvent
from fine_tuning.store.records.model_versions import NewModelVersion
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.tables import MODEL_STATUSES

ACTOR = "import of the older system"
Item = TypeVar("Item")
_RESULT_KEYS = (
    "test_id",
    "model_a",
    "model_b",
    "total_samples",
    "model_a_accuracy",
    "model_b_accuracy",
    "accuracy_improvement",
    "model_a_avg_latency",
    "model_b_avg_latency",
    "latency_improvement",
    "model_a_cost_per_inference",
    "model_b_cost_per_inference",
    "cost_improvement",
    "statistical_significance",
    "confidence_level",
    "started_at",
    "completed_at",
)


def import_registry(database: Database, path: str | Path) -> None:
    """Import a registry file: model name -> list of version records.

    Raises:
        DataError: the file has another format; nothing was imported.
    """
    _import_once(database, path, "registry", _versions, _register)


def import_costs(database: Database, path: str | Path) -> None:
    """Import a cost file: `{"jobs": {job id: record}, "inferences": [record]}`, or JSONL of both kinds of records.

    Raises:
        DataError: the file has another format; nothing was imported.
    """
    _import_once(database, path, "costs", _events, costs.add)


def _import_once(
    database: Database,
    where: str | Path,
    kind: str,
    read: Callable[[Path], Iterator[Item]],
    add: Callable[[Connection, Item], object],
) -> None:
    path = expanded(where)
    if path.suffix not in {".json", ".jsonl"} or not is_file(path):
        return
    key = str(path.absolute())
    if database.exists():
        with database.read() as tx:
            if imported_files.done_at(tx, key, kind):
                return
    try:
        rows = list(read(path))
    except (KeyError, TypeError, AttributeError, UsageError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"cannot read {path} as {kind} file of the older system ({reason}); nothing was imported"
        ) from None
    with database.write() as tx:
        if imported_files.done_at(tx, key, kind):
            return
        for row in rows:
            add(tx, row)
        imported_files.mark_done(tx, key, kind, len(rows))


def _versions(path: Path) -> Iterator[JsonColumn]:
    for name, records in _records_by_model(path).items():
        numbers = [checks.count(f"version of {name}", record["version"], 1) for record in records]
        if len(set(numbers)) < len(numbers):
            raise UsageError(f"{name} has a duplicate version")
        deployed = [record["version"] for record in records if record.get("status") == "DEPLOYED"]
        for record in records:
            status = record.get("status", "READY")
            # The older system could leave several versions deployed; the newest is the one in use.
            if status not in MODEL_STATUSES or (status == "DEPLOYED" and record["version"] != max(deployed)):
                status = "ARCHIVED"
            yield {
                "model_name": checks.name("model_name", name),
                "version": record["version"],
                "base_model": checks.name("base_model", record["base_model"]),
                "job_id": checks.name("job_id", record["job_id"]),
                "dataset_size": checks.count("dataset_size", record["dataset_size"]),
                "accuracy": checks.rate("accuracy", record.get("accuracy")),
                "cost": checks.amount("cost", record.get("cost")),
                "status": status,
                "metadata": checks.mapping("metadata", record.get("metadata")),
                "registered_at": _moment(record.get("registered_at")) or now(),
                "deployed_at": _moment(record.get("deployed_at")),
            }


def _records_by_model(path: Path) -> dict[str, list[JsonColumn]]:
    """The versions of each model, from a JSON file or from JSONL with one version per line."""
    if path.suffix == ".json":
        return dict(read_json(path))
    found: dict[str, list[JsonColumn]] = {}
    for _, record in read_rows(path):
        found.setdefault(str(record["model_name"]), []).append(record)
    return found


def import_experiments(database: Database, path: str | Path) -> None:
    """Import a file of concluded A/B tests, as `export_results` writes it: test id -> result.

    Raises:
        DataError: the file has another format; nothing was imported.
    """
    _import_once(database, path, "A/B test", _tests, _add_test)


def _tests(path: Path) -> Iterator[JsonColumn]:
    found = read_json(path) if path.suffix == ".json" else {row["test_id"]: row for _, row in read_rows(path)}
    for test_id, result in found.items():
        if missing := [name for name in _RESULT_KEYS if name not in result]:
            raise KeyError(missing[0])
        yield {
            "id": checks.name("test_id", test_id),
            "model_a": checks.name("model_a", result["model_a"]),
            "model_b": checks.name("model_b", result["model_b"]),
            "metadata": checks.mapping("metadata", result.get("metadata")),
            "started_at": _moment(result.get("started_at")) or now(),
            "completed_at": _moment(result.get("completed_at")) or now(),
            "result": {**result, "status": "completed"},
        }


def _add_test(tx: Connection, test: JsonColumn) -> None:
    experiments.add_concluded(tx, cast("experiments.ConcludedExperiment", test))


def _register(tx: Connection, version: JsonColumn) -> None:
    model_versions.register(tx, cast("NewModelVersion", version), actor=ACTOR, number=version["version"])


def _events(path: Path) -> Iterator[NewCostEvent]:
    if path.suffix == ".jsonl":
        for _, record in read_rows(path):
            yield _training(record) if "total_cost" in record else _call("inference", record)
        return
    content = read_json(path)
    for record in content["jobs"].values():
        yield _training(record)
    for kind in ("inference", "evaluation"):
        for record in content.get(f"{kind}s", []):
            yield _call(kind, record)


def _training(record: JsonColumn) -> NewCostEvent:
    size = record.get("dataset_size")
    return {
        "kind": "training",
        "model_name": checks.name("model_name", record["model_name"]),
        "base_model": record.get("base_model"),
        "job_id": checks.name("job_id", record["job_id"]),
        "dataset_size": None if size is None else checks.count("dataset_size", size),
        "tokens": checks.tokens("training_tokens", record.get("training_tokens")),
        "cost": checks.amount("total_cost", record.get("total_cost")),
        "is_fine_tuned": True,
        "metadata": checks.mapping("metadata", record.get("metadata")),
        "recorded_at": _moment(record.get("recorded_at")) or now(),
    }


def _call(kind: str, record: JsonColumn) -> NewCostEvent:
    """A call; `export_costs` writes `tokens` and `recorded_at`."""
    return {
        "kind": kind,
        "model_name": checks.name("model_name", record["model_name"]),
        "tokens": checks.tokens("tokens_used", record.get("tokens_used", record.get("tokens"))),
        "cost": checks.amount("cost", record.get("cost")),
        "is_fine_tuned": record.get("is_fine_tuned"),
        "metadata": checks.mapping("metadata", record.get("metadata")),
        "recorded_at": _moment(record.get("timestamp", record.get("recorded_at"))) or now(),
    }


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
