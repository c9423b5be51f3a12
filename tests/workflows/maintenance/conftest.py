"""A workspace that is worth keeping."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, DatasetBuilder, ModelEvaluator, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.settings import get_settings
from fine_tuning.store import dump
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import Workspace


def workspace_of(database: Database) -> Workspace:
    """The workspace of the environment with a database of its own."""
    return Workspace(get_settings(), database)


@pytest.fixture
def full(database: Database) -> Database:
    """A workspace with something of most kinds."""
    collector = DistillationDataCollector()
    for number in range(12):
        collector.capture_success(f"Where is order {number}, please?", f"Ünterwegs: {number} 📦", "support", "t")
    builder = DatasetBuilder()
    builder.save_dataset(builder.build_from_distillation(), "orders")
    registry = ModelRegistry()
    for job in ("j1", "j2"):
        registry.register_model("lamp", "base", job, 10, metadata={"nested": [1, None, {"a": True}]})
    registry.deploy_model("lamp", 1)
    registry.set_alias("lamp", "champion", 1)
    ABTestFramework().create_test("t", "a", "b")
    ABTestFramework().record_sample("t", "model_a", "x", "x", 10.0, None)
    ModelEvaluator().evaluate(["a", None], ["a", "b"], "lamp", questions=["1", "2"])
    CostTracker().record_inference("lamp", 10, 0.25, True)
    return database


def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    with database.read() as tx:
        return {table.name: list(dump.rows(tx, table)) for table in dump.tables_of(tx)}
