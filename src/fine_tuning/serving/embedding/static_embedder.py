"""Static embeddings: the mean of a table's rows for the tokens of a text; no network is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fine_tuning._util.wordllama_model import open_wordllama_model
from fine_tuning.base_models.safetensors_header import read_header
from fine_tuning.base_models.tokenizer_files import check_ids, check_tokenizer
from fine_tuning.base_models.tokenizer_trial import try_tokenizer
from fine_tuning.errors import DataError, MissingDependencyError
from fine_tuning.serving.embedding.embedder import Embeddings, EmbeddingSizes, Vectors, unit_length
from fine_tuning.serving.interruption import Check, unchecked
from fine_tuning.serving.padded_batches import batches_by_length

WORDLLAMA = "wordllama"
_TABLES = ("embedding.weight", "embeddings")
BATCH_CHARACTERS = 1 << 18  # of texts tokenized at once
Tokenizer = Any  # a tokenizers.Tokenizer, which has no types


class StaticEmbedder:
    """An `Embedder` over a table of token vectors.

    Args:
        table: float32, of the shape (tokens, dimensions).
        tokenizer: its padding and truncation are switched off.
        sizes: to which embeddings may be truncated.
        is_normalized: whether embeddings have unit length.
    """

    def __init__(self, table: Vectors, tokenizer: Tokenizer, sizes: EmbeddingSizes, *, is_normalized: bool) -> None:
        self._table, self._tokenizer, self.sizes, self._is_normalized = table, tokenizer, sizes, is_normalized
        tokenizer.no_padding()
        tokenizer.no_truncation()

    def embed(self, texts: Sequence[str], check: Check = unchecked) -> Embeddings:
        """Embed the texts. See `Embedder`."""
        vectors = np.zeros((len(texts), self.sizes.full), dtype=np.float32)
        tokens = 0
        for batch in batches_by_length(texts, BATCH_CHARACTERS):
            check()
            given = [texts[index] for index in batch]
            for index, encoded in zip(
                batch, self._tokenizer.encode_batch_fast(given, add_special_tokens=False), strict=True
            ):
                tokens += len(encoded.ids)
                if encoded.ids:
                    vectors[index] = self._table[encoded.ids].mean(axis=0)
        return Embeddings(unit_length(vectors) if self._is_normalized else vectors, tokens)

    def size(self) -> int:
        """Bytes of the table."""
        return int(self._table.nbytes)

    def close(self) -> None:
        """Free nothing: the table goes with its last user."""


def open_wordllama() -> StaticEmbedder:
    """The model inside the wheel `wordllama`.

    Raises:
        MissingDependencyError: the `serve` extra is not installed.
    """
    try:
        loaded = open_wordllama_model()
    except ImportError as error:
        raise MissingDependencyError("wordllama", "serve", "embedding with the built-in model") from error
    sizes = EmbeddingSizes(loaded.embedding.shape[1], None)
    return StaticEmbedder(loaded.embedding, loaded.tokenizer, sizes, is_normalized=True)


def open_static_folder(folder: Path, *, is_normalized: bool) -> StaticEmbedder:
    """A module StaticEmbedding of sentence-transformers, or a model of model2vec.

    Raises:
        DataError: the folder has no such table, or no tokenizer.json.
        MissingDependencyError: the `serve` extra is not installed.
    """
    try:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer as Loaded
    except ImportError as error:
        raise MissingDependencyError(error.name or "tokenizers", "serve", "embedding with a model folder") from error
    weights, tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
    if not weights.is_file() or not tokenizer.is_file():
        raise DataError(f"{folder.name} needs model.safetensors and tokenizer.json")
    read_header(weights)
    check_tokenizer(folder)
    try_tokenizer(folder)
    tensors = load_file(weights)
    if len(tensors) != 1 or (name := next(iter(tensors))) not in _TABLES:
        raise DataError(f"{folder.name} has the tensors {', '.join(tensors)}; a table of vectors is expected")
    table = tensors[name].astype(np.float32)
    loaded = Loaded.from_file(str(tokenizer))
    check_ids(loaded.get_vocab(), len(table), folder)
    return StaticEmbedder(table, loaded, EmbeddingSizes(table.shape[1]), is_normalized=is_normalized)
