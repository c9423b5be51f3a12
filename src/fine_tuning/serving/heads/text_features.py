"""Features of a text: TF-IDF of its words and of its characters beside an embedding, one sparse row for each text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fine_tuning.errors import MissingDependencyError
from fine_tuning.serving.embedding.embedder import Embedder, vectors_of
from fine_tuning.serving.heads.text_tokens import texts_of

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

Features = sparse.csr_matrix  # float32, of the shape (texts, features)
Weights = NDArray[np.float32]
_PARTS: Mapping[str, Mapping[str, Any]] = {
    "words": {"ngram_range": (1, 2), "tokenizer": texts_of, "token_pattern": None},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 2},
}


@dataclass(frozen=True)
class TextFeatures:
    """Computes the features of texts.

    Attributes:
        parts: a fitted vectorizer for each of `_PARTS`.
        embedder: of the dense features; None without them.
        scale: of the embeddings, which have unit length, as each part of TF-IDF has.
    """

    parts: Mapping[str, TfidfVectorizer]
    embedder: Embedder | None
    scale: float = 1.0

    @classmethod
    def fit(cls, texts: Sequence[str], embedder: Embedder | None) -> TextFeatures:
        """Learn the words and their rarity from texts.

        Raises:
            MissingDependencyError: scikit-learn is not installed.
            ValueError: the texts have no word.
        """
        parts = {name: _vectorizer(name).fit(texts) for name in _PARTS}
        return cls(parts, embedder)

    def rows(self, texts: Sequence[str]) -> Features:
        """The features of texts."""
        return self.joined(*self.blocks(texts))

    def blocks(self, texts: Sequence[str]) -> tuple[Features, Weights | None]:
        """TF-IDF and embeddings, which are joined at a scale."""
        counted = sparse.hstack([part.transform(texts) for part in self.parts.values()], "csr", dtype=np.float32)
        if self.embedder is None:
            return counted, None
        return counted, vectors_of(self.embedder, texts)

    def joined(self, counted: Features, embedded: Weights | None) -> Features:
        """Both blocks beside each other."""
        if embedded is None:
            return counted
        dense = sparse.csr_matrix(embedded * np.float32(self.scale))
        found: Features = sparse.hstack([counted, dense], "csr", dtype=np.float32)
        return found

    def settings(self) -> dict[str, object]:
        """What `of_files` needs beside the tensors: the terms of each part in the order of its features."""
        terms = {name: sorted(part.vocabulary_, key=part.vocabulary_.__getitem__) for name, part in self.parts.items()}
        return {"terms": terms, "scale": self.scale, "is_embedded": self.embedder is not None}

    def tensors(self) -> dict[str, Weights]:
        """The rarity of each term."""
        return {f"idf.{name}": part.idf_.astype(np.float32) for name, part in self.parts.items()}

    @classmethod
    def of_files(
        cls, settings: Mapping[str, Any], tensors: Mapping[str, Weights], embedder: Embedder | None
    ) -> TextFeatures:
        """The features that were saved.

        Raises:
            MissingDependencyError: scikit-learn is not installed.
            KeyError, ValueError: the files do not fit together.
        """
        parts = {}
        for name in _PARTS:
            terms = settings["terms"][name]
            parts[name] = _vectorizer(name, {term: at for at, term in enumerate(terms)})
            parts[name].idf_ = tensors[f"idf.{name}"]
        return cls(parts, embedder, float(settings["scale"]))


def _vectorizer(name: str, vocabulary: Mapping[str, int] | None = None) -> TfidfVectorizer:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingDependencyError("scikit-learn", "candidates", "a classifier head") from error
    options = cast("Any", {**_PARTS[name], **({} if vocabulary is None else {"min_df": 1})})
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, vocabulary=vocabulary, **options)
