"""How alike two texts are in meaning: the cosine of their embeddings, by wordllama's model inside its wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


def score(prediction: str, reference: str) -> float:
    """-1 to 1."""
    if not prediction.strip() or not reference.strip():
        return float(prediction.strip() == reference.strip())
    texts = (text.encode("utf-8", "replace").decode() for text in (prediction, reference))
    return min(1.0, max(-1.0, float(_model().similarity(*texts))))  # single precision goes a little beyond


@cache
def _model() -> Any:
    import wordllama

    # The wheel holds weights and tokenizer where it looks for downloaded ones.
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
