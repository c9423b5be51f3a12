"""How few characters have to change: 1 - Levenshtein's distance / the longer length, by rapidfuzz."""

from __future__ import annotations


def score(prediction: str, reference: str) -> float:
    """0 to 1."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(prediction.strip(), reference.strip()))
