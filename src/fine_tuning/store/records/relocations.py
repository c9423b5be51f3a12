"""Models that move to another host."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fine_tuning.store.records.rows import JsonColumn


class RelocationData(TypedDict):
    """Files to train and to test on; held_out: the test file is a part of the training data."""

    train: str
    test: str
    held_out: bool


class RelocationRequest(TypedDict):
    """What identifies a relocation."""

    model_name: str
    version: int
    base_model: str
    provider: str
    n_epochs: int
    hyperparameters: JsonColumn
    test_file: str | None


class Relocation(TypedDict):
    """A row of `relocations`; done: the result of each step that has finished."""

    id: str
    model_name: str
    version: int
    base_model: str
    provider: str
    done: JsonColumn
    created_at: datetime
    finished_at: datetime | None
