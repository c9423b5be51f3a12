"""The interface of all embedding models, and what they share: limits, truncation and unit length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fine_tuning.errors import ContextLengthError, DataError, UsageError
from fine_tuning.serving.interruption import Check, unchecked

Vectors = NDArray[np.float32]
EMBEDDED_AT_ONCE = 512  # texts of a batch of `vectors_of`


@dataclass(frozen=True)
class EmbeddingSizes:
    """The lengths of a model's vectors.

    Attributes:
        full: dimensions of a vector.
        shorter: dimensions to which a vector may be truncated; empty where it may not, None for any.
    """

    full: int
    shorter: Sequence[int] | None = ()


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of texts, in their order.

    Attributes:
        vectors: float32, of the shape (texts, dimensions).
        tokens: tokens of all texts.

    Raises:
        DataError: a vector has a value that is no number, as of damaged weights.
    """

    vectors: Vectors
    tokens: int

    def __post_init__(self) -> None:
        if not np.isfinite(self.vectors).all():
            raise DataError("the embedding model gives values that are no numbers; fetch or save it again")


class Embedder(Protocol):
    """Embeds texts with one model. Safe to call from several threads."""

    sizes: EmbeddingSizes

    def embed(self, texts: Sequence[str], check: Check = unchecked) -> Embeddings:
        """Embed the texts.

        Args:
            check: called all along; what it raises ends the embedding.

        Raises:
            ContextLengthError: a text has more tokens than the model reads; nothing is truncated.
        """
        ...

    def size(self) -> int:
        """Bytes of the weights."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


def vectors_of(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """The vectors of any number of texts, embedded a batch at a time, of the shape (texts, dimensions)."""
    batches = [texts[at : at + EMBEDDED_AT_ONCE] for at in range(0, len(texts), EMBEDDED_AT_ONCE)]
    empty = np.zeros((0, embedder.sizes.full), np.float32)
    return np.concatenate([empty, *(embedder.embed(batch).vectors for batch in batches)])


def check_lengths(counts: Sequence[int], limit: int | None) -> None:
    """Refuse texts that the model cannot read to their end.

    Args:
        counts: tokens of each text.
        limit: tokens that the model reads; None for any number.

    Raises:
        ContextLengthError: naming the first text that is too long.
    """
    if limit is None:
        return
    for index, count in enumerate(counts):
        if count > limit:
            raise ContextLengthError(f"input {index} has {count} tokens; this model reads up to {limit}")


def truncated(vectors: Vectors, dimensions: int, sizes: EmbeddingSizes) -> Vectors:
    """The first `dimensions` of each vector, scaled to unit length again (Matryoshka Representation Learning).

    Source: Kusupati et al., "Matryoshka Representation Learning", 2022, https://arxiv.org/abs/2205.13147

    Raises:
        UsageError: the model was not trained for vectors of this length.
    """
    if dimensions == sizes.full:
        return vectors
    if dimensions > sizes.full:
        raise UsageError(f"dimensions may be at most {sizes.full}, the length of this model's embeddings")
    if sizes.shorter is not None and dimensions not in sizes.shorter:
        allowed = ", ".join(map(str, sorted({*sizes.shorter, sizes.full})))
        raise UsageError(f"dimensions may only be {allowed}: this model was not trained for embeddings of {dimensions}")
    return unit_length(vectors[:, :dimensions])


def unit_length(vectors: Vectors) -> Vectors:
    """Each vector divided by its Euclidean length; a vector of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
