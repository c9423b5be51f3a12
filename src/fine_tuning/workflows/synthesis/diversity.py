"""How diverse new inputs are, beside those that they were written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fine_tuning.datasets import near_duplicates
from fine_tuning.serving.embedding.embedder import vectors_of
from fine_tuning.serving.embedding.embedding_models import BUILT_IN, open_embedder
from fine_tuning.serving.heads.answer_shape import is_label

SAMPLE = 2000  # texts of each side that are compared in pairs


@dataclass(frozen=True)
class Spread:
    """Cosine distances between the embeddings of texts, 0 to 2: of all pairs in the mean, and to the nearest other."""

    pairs: float
    nearest: float


@dataclass(frozen=True)
class Diversity:
    """New inputs and the seeds.

    Attributes:
        near: share of the inputs that were written which were near-duplicates of a seed or of each other.
        inputs, seeds: the spread of each; None of fewer than two.
        labels: labels of the seeds that new examples have, and labels of the seeds; None where answers are no labels.
        new_labels: labels that no seed has.
    """

    near: float
    inputs: Spread | None
    seeds: Spread | None
    labels: tuple[int, int] | None
    new_labels: int


def spread(texts: Sequence[str]) -> Spread | None:
    """How far texts are from each other, by the built-in embedding model; of many, a sample."""
    if len(texts) < 2:
        return None
    step = max(1, len(texts) // SAMPLE)
    vectors = vectors_of(open_embedder(BUILT_IN[0]), list(texts[::step][:SAMPLE]))
    distances = 1 - vectors @ vectors.T
    others = distances[~np.eye(len(vectors), dtype=bool)].reshape(len(vectors), -1)
    return Spread(float(others.mean()), float(others.min(axis=1).mean()))


def coverage(of_seeds: Sequence[str], of_inputs: Sequence[str]) -> tuple[tuple[int, int] | None, int]:
    """Labels of the seeds that the new examples have, of how many; and how many labels are new."""
    if not of_seeds or not is_label(of_seeds):
        return None, 0
    known, new = set(of_seeds), set(of_inputs)
    return (len(known & new), len(known)), len(new - known)


def apart_from(texts: Sequence[str], others: Sequence[str], threshold: float) -> list[int]:
    """The places of texts that are near no other text."""
    groups = near_duplicates.groups([*others, *texts], threshold)
    near = set(groups[: len(others)])
    return [at for at, group in enumerate(groups[len(others) :]) if group not in near]


def unlike(texts: Sequence[str], others: Sequence[str], threshold: float) -> list[int]:
    """The places of texts that are near no other text, and near none of the texts before them."""
    groups = near_duplicates.groups([*others, *texts], threshold)
    seen = set(groups[: len(others)])
    found = []
    for at, group in enumerate(groups[len(others) :]):
        if group not in seen:
            seen.add(group)
            found.append(at)
    return found
