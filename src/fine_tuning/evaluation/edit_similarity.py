"""Edit similarity: 1 - Levenshtein distance / length of the longer text, by rapidfuzz."""

from __future__ import annotations


def score(prediction: str, reference: str) -> float:
    """Edit similarity, 0 to 1."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(prediction.strip(), reference.strip()))
