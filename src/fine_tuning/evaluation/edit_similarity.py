"""Edit similarity: 1 - Levenshtein distance / length of the longer text, by rapidfuzz."""

from __future__ import annotations

from fine_tuning.data_io.equal_answers import normal_form


def score(prediction: str, reference: str) -> float:
    """Edit similarity of the stripped texts, by characters in NFC, 0 to 1."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(normal_form(prediction.strip()), normal_form(reference.strip())))
