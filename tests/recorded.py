"""Calls and samples that a test needs many of, stored in one transaction: one by one they take seconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fine_tuning import ABTestFramework
from fine_tuning.data_io.messages import prompt_and_response_messages
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.store import examples
from fine_tuning.store.database import open_database


def captured(calls: Iterable[tuple[str, str]], model: str = "gpt-4o") -> None:
    """Prompts and responses of a model, as `capture_success` stores each."""
    facts = Facts("support", "t", 5, None, model)
    rows = [example_record(prompt_and_response_messages(prompt, answer), None, facts) for prompt, answer in calls]
    with open_database().write() as tx:
        examples.capture(tx, rows)


def answered(test_id: str, rows: Iterable[tuple[str, str | None, str | None]], **more: Any) -> None:
    """Samples of a test (arm, prediction, reference), each after 1 ms for 10 cents, as `record_sample` stores each."""
    names = ("model", "prediction", "reference")
    samples = [{**dict(zip(names, row, strict=True)), "latency_ms": 1, "cost": 0.1, **more} for row in rows]
    ABTestFramework().record_samples(test_id, samples)
