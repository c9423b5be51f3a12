"""What is in a data set, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def describe(examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts by domain, task type and rating (what is missing counts as "unknown"), and mean lengths.

    Returns:
        total_examples, domains, task_types, ratings, avg_prompt_length and avg_response_length (characters; nan for
        no examples).
    """

    def counts(field: str) -> dict[Any, int]:
        found = Counter(example.get(field) if example.get(field) is not None else "unknown" for example in examples)
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
