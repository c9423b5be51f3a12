"""Embedding similarity: the cosine of the embeddings of prediction and reference, by wordllama's model."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

EmbeddingModel = Any  # wordllama's, which has no types


def score(prediction: str, reference: str) -> float:
    """Cosine similarity, -1 to 1."""
    if not prediction.strip() or not reference.strip():
        return float(prediction.strip() == reference.strip())
    texts = (text.encode("utf-8", "replace").decode() for text in (prediction, reference))
    return min(1.0, max(-1.0, float(_model().similarity(*texts))))  # single precision goes a little beyond


@cache
def _model() -> EmbeddingModel:
    import wordllama

    # The wheel holds weights and tokenizer where it looks for downloaded ones.
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
