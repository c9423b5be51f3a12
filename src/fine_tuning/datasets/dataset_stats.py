"""Counts and mean lengths of examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict, cast


class DatasetStats(TypedDict):
    """Counts by value, and mean lengths in characters (nan for no examples)."""

    total_examples: int
    domains: dict[str, int]
    task_types: dict[str, int]
    ratings: dict[str, int]
    avg_prompt_length: float
    avg_response_length: float


def describe(examples: Sequence[Mapping[str, object]]) -> DatasetStats:
    """Counts by domain, task type and rating (missing ones as "unknown"), and mean lengths."""

    def counts(field: str) -> dict[str, int]:
        values = (example.get(field) for example in examples)
        found = Counter("unknown" if value is None else cast("str", value) for value in values)
        return dict(sorted(found.items(), key=lambda item: str(item[0])))

    def mean_length(field: str) -> float:
        total = sum(len(str(example.get(field) or "")) for example in examples)
        return total / len(examples) if examples else float("nan")

    return {
        "total_examples": len(examples),
        "domains": counts("domain"),
        "task_types": counts("task_type"),
        "ratings": counts("rating"),
        "avg_prompt_length": mean_length("prompt"),
        "avg_response_length": mean_length("response"),
    }
