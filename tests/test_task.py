"""The task integration: two columns in the host application's table, or a task of our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from fine_tuning import ModelRegistry
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.store.database import Database
from fine_tuning.task import FineTunedModelMixin, Task


class Base(DeclarativeBase):
    pass


class HostTask(FineTunedModelMixin, Base):
    __tablename__ = "host_tasks"

    id: Mapped[int] = mapped_column(primary_key=True)


def test_mixin_adds_columns_to_host_table(database: Database, tmp_path: Path) -> None:
    ModelRegistry().register_model("my-model", "b", "j", 1)
    ModelRegistry().register_model("my-model", "b", "j", 1)
    engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        task = HostTask()
        task.fine_tuned_model_id = "my-model-v2"
        task.model_accuracy = 0.95
        session.add(task)
        session.commit()
        stored = session.get_one(HostTask, task.id)
        assert (stored.fine_tuned_model_id, stored.model_accuracy) == ("my-model-v2", 0.95)
    engine.dispose()


def test_unregistered_id_error_names_nearest(database: Database) -> None:
    ModelRegistry().register_model("my-model", "b", "j", 1)
    for wrong in ("my-model-v2", "my-model", "mymodel-v1"):
        with pytest.raises(NotFoundError, match=f"no registered model version {wrong}; nearest: my-model-v1"):
            Task(title="x").fine_tuned_model_id = wrong
    with pytest.raises(UsageError, match="model_accuracy must be between 0 and 1, not 95"):
        Task(title="x").model_accuracy = 95


def test_task_is_stored_in_workspace(database: Database) -> None:
    ModelRegistry().register_model("my-model", "b", "j", 1)
    with database.write() as tx, Session(tx, join_transaction_mode="create_savepoint") as session:
        session.add(Task(title="x", fine_tuned_model_id="my-model-v1", details={"a": 1}))
        session.commit()
    with database.read() as tx, Session(tx) as session:
        (task,) = session.query(Task).all()
        assert (task.title, task.fine_tuned_model_id, task.details) == ("x", "my-model-v1", {"a": 1})
        assert task.created_at.tzinfo is not None
