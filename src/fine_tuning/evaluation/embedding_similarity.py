"""Embedding similarity: the cosine of the embeddings of prediction and reference, by wordllama's model."""

from __future__ import annotations

from functools import cache

from fine_tuning._util.wordllama_model import open_wordllama_model

_model = cache(open_wordllama_model)


def score(prediction: str, reference: str) -> float:
    """Cosine similarity, -1 to 1."""
    if not prediction.strip() or not reference.strip():
        return float(prediction.strip() == reference.strip())
    texts = (text.encode("utf-8", "replace").decode() for text in (prediction, reference))
    return min(1.0, max(-1.0, float(_model().similarity(*texts))))  # single precision goes a little beyond
