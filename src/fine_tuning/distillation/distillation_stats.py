"""Counts of captured examples."""

from __future__ import annotations

from typing import TypedDict

from fine_tuning.store import examples
from fine_tuning.store.database import Database

MIN_EXAMPLES_FOR_TRAINING = 500


class DistillationStats(TypedDict):
    """Counts of captured examples; `domain_distribution` has the curated ones by domain."""

    teacher_examples: int
    curated_examples: int
    sightings: int
    preferences: int
    min_for_training: int
    ready_for_training: bool
    domain_distribution: dict[str, int]
    min_curation_rating: int


def distillation_stats(database: Database) -> DistillationStats:
    """Counts of captured and curated examples, sightings and preference pairs."""
    with database.read() as tx:
        counts = examples.counts(tx)
    return {
        "teacher_examples": counts["examples"],
        "curated_examples": counts["curated"],
        "sightings": counts["sightings"],
        "preferences": counts["preferences"],
        "min_for_training": MIN_EXAMPLES_FOR_TRAINING,
        "ready_for_training": counts["curated"] >= MIN_EXAMPLES_FOR_TRAINING,
        "domain_distribution": counts["domains"],
        "min_curation_rating": examples.CURATED_RATING,
    }
