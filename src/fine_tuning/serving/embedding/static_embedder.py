"""Static embeddings: the mean of a table's rows for the tokens of a text; no network is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fine_tuning.errors import MissingDependencyError
from fine_tuning.serving.embedding.embedder import Embeddings, EmbeddingSizes, Vectors, unit_length

WORDLLAMA = "wordllama"
BATCH = 256  # texts tokenized at once
Tokenizer = Any  # a tokenizers.Tokenizer, which has no types


class StaticEmbedder:
    """An `Embedder` over a table of token vectors; embeddings have unit length.

    Args:
        table: float32, of the shape (tokens, dimensions).
        tokenizer: neither truncates nor pads.
        sizes: to which embeddings may be truncated.
    """

    def __init__(self, table: Vectors, tokenizer: Tokenizer, sizes: EmbeddingSizes) -> None:
        self._table, self._tokenizer, self.sizes = table, tokenizer, sizes

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed the texts. See `Embedder`."""
        vectors = np.zeros((len(texts), self.sizes.full), dtype=np.float32)
        tokens = 0
        for start in range(0, len(texts), BATCH):
            batch = self._tokenizer.encode_batch_fast(list(texts[start : start + BATCH]), add_special_tokens=False)
            for index, encoded in enumerate(batch, start):
                tokens += len(encoded.ids)
                if encoded.ids:
                    vectors[index] = self._table[encoded.ids].mean(axis=0)
        return Embeddings(unit_length(vectors), tokens)

    def size(self) -> int:
        """Bytes of the table."""
        return int(self._table.nbytes)

    def close(self) -> None:
        """Free nothing: the table goes with its last user."""


def open_wordllama() -> StaticEmbedder:
    """The model inside the wheel `wordllama`: 256 dimensions, trained to be truncated.

    Source: https://github.com/dleemiller/WordLlama

    Raises:
        MissingDependencyError: the `serve` extra is not installed.
    """
    try:
        import wordllama
    except ImportError as error:
        raise MissingDependencyError("wordllama", "serve", "embedding with the built-in model") from error
    # The wheel holds weights and tokenizer where it looks for downloaded ones.
    loaded = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    loaded.tokenizer.no_padding()
    loaded.tokenizer.no_truncation()
    return StaticEmbedder(loaded.embedding, loaded.tokenizer, EmbeddingSizes(loaded.embedding.shape[1], None))
