"""The task columns: the fine-tuned model that handles a task, and the accuracy of that model.

They are part of the host application's table, or of the workspace's own table of tasks.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import ClassVar

from sqlalchemy import Float, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates

from fine_tuning.errors import UsageError
from fine_tuning.registry.version_lookup import check_registered
from fine_tuning.store import tables
from fine_tuning.store.database import open_database
from fine_tuning.store.records.rows import JsonColumn

__all__ = ["FineTunedModelMixin", "Task"]


class FineTunedModelMixin:
    """Adds `fine_tuned_model_id` and `model_accuracy` to a declarative class of the host application.

    The id is `<model name>-v<version>` and must be registered; `fine_tuning_registry` names the registry's file or
    URL where it is not the workspace's.
    """

    fine_tuning_registry: ClassVar[str | Path | None] = None

    fine_tuned_model_id: Mapped[str | None] = mapped_column(String(255), default=None)
    model_accuracy: Mapped[float | None] = mapped_column(Float, default=None)

    @validates("fine_tuned_model_id")
    def _registered(self, _key: str, value: str | None) -> str | None:
        if value is not None:
            with open_database(self.fine_tuning_registry).read() as tx:
                check_registered(tx, value)
        return value

    @validates("model_accuracy")
    def _rate(self, _key: str, value: float | None) -> float | None:
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"model_accuracy must be between 0 and 1, not {value}")
        return value


class _Base(DeclarativeBase):
    metadata = tables.metadata


class Task(FineTunedModelMixin, _Base):
    """A task in the workspace's own database, for applications without their own table."""

    __table__ = tables.tasks

    id: Mapped[int]
    title: Mapped[str]
    details: Mapped[JsonColumn]
    created_at: Mapped[datetime]
