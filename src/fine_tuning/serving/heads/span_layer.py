"""Finds the part of a text that a field copies: each token begins a span, is inside of one, or is outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, log_softmax, logsumexp

from fine_tuning.errors import MissingDependencyError
from fine_tuning.serving.heads.text_features import Features, Weights
from fine_tuning.serving.heads.text_tokens import Token

OUTSIDE, BEGIN, INSIDE = 0, 1, 2
MAX_TOKENS = 24  # of a span
BUCKETS = 1 << 17  # of hashed features
Scores = NDArray[np.float64]
_REACH = 3  # tokens on either side
_BLOCK = 500  # tokens that are hashed at once, while no other thread runs
_SHAPES = ((re.compile(r"[^\W\d_]"), "a"), (re.compile(r"\d"), "0"))


class Span(NamedTuple):
    """A part of a text, the probability that the text has one at all, and that it is this one if it has."""

    text: str
    exists: float
    probability: float


class TokenizedText(NamedTuple):
    """A text with its tokens and their features, of the shape (tokens, `BUCKETS`)."""

    text: str
    tokens: Sequence[Token]
    features: Features

    @classmethod
    def of(cls, text: str, tokens: Sequence[Token]) -> TokenizedText | None:
        """None of a text without tokens."""
        return cls(text, tokens, token_features(tokens)) if tokens else None


@dataclass(frozen=True)
class SpanLayer:
    """A linear layer from the features of a token to its three tags.

    Attributes:
        weights: of the shape (`BUCKETS`, 3); bias: of the shape (3,).
        patterns: the kinds of tokens that spans are made of (see `pattern_of`); empty for any.
    """

    weights: Weights
    bias: Weights
    patterns: frozenset[str] = frozenset()

    def find(self, read: TokenizedText) -> Span:
        """The likeliest span of a text."""
        tags = log_softmax(np.asarray(read.features @ self.weights + self.bias, dtype=np.float64), axis=1)
        scores = self._allowed(_span_scores(tags), read.tokens)
        if not np.isfinite(scores).any():
            return Span("", 0.0, 0.0)
        first, length = divmod(int(np.argmax(scores)), scores.shape[1])
        start, end = read.tokens[first].start, read.tokens[first + length].end
        best, every = float(scores[first, length]), float(logsumexp(scores))
        return Span(read.text[start:end], float(expit(every)), float(np.exp(best - every)))

    def _allowed(self, scores: Scores, tokens: Sequence[Token]) -> Scores:
        """The scores with -inf for spans that are made of other tokens than those that were learnt."""
        if not self.patterns:
            return scores
        kinds = pattern_of(tokens)
        allowed = np.zeros(scores.shape, bool)
        for pattern in self.patterns:
            at = kinds.find(pattern)
            while at >= 0 and len(pattern) <= scores.shape[1]:
                allowed[at, len(pattern) - 1] = True
                at = kinds.find(pattern, at + 1)
        return np.where(allowed, scores, -np.inf)


def pattern_of(tokens: Iterable[Token]) -> str:
    """The kind of each token, one character: 0 a number, a letters, or the sign itself."""
    return "".join(_kind(token.text) for token in tokens)


def _kind(text: str) -> str:
    return "0" if text.isdecimal() else "a" if len(text) > 1 or text.isalpha() else text


def tags_of(tokens: Sequence[Token], text: str, span: str) -> list[int] | None:
    """The tag of each token where the text has a span; None where it has it nowhere at the ends of tokens."""
    starts, ends = {each.start: at for at, each in enumerate(tokens)}, {each.end: at for at, each in enumerate(tokens)}
    at = text.find(span)
    while at >= 0:
        first, last = starts.get(at), ends.get(at + len(span))
        if first is not None and last is not None and last - first < MAX_TOKENS:
            inside = range(first + 1, last + 1)
            return [BEGIN if each == first else INSIDE if each in inside else OUTSIDE for each in range(len(tokens))]
        at = text.find(span, at + 1)
    return None


def token_features(tokens: Sequence[Token]) -> Features:
    """The hashed features of each token: its own, and those of its neighbours, of the shape (tokens, `BUCKETS`)."""
    own = [_features(token.text) for token in tokens]
    blocks = [range(first, min(first + _BLOCK, len(own))) for first in range(0, max(1, len(own)), _BLOCK)]
    found: Features = sparse.vstack([_hasher().transform([_row(own, at) for at in block]) for block in blocks], "csr")
    return found


def _row(own: Sequence[tuple[str, ...]], at: int) -> list[str]:
    """The features of the token at a place, whose neighbours are known by the first of theirs."""
    row = [f"0{each}" for each in own[at]]
    for apart in range(-_REACH, _REACH + 1):
        beside = at + apart
        if apart and 0 <= beside < len(own):
            row += [f"{apart}{each}" for each in own[beside][:2]]
        elif apart:
            row.append(f"{apart}none")
    return row


@lru_cache(maxsize=1)
def _hasher() -> Any:  # a FeatureHasher, which has no types
    try:
        from sklearn.feature_extraction import FeatureHasher
    except ImportError as error:
        raise MissingDependencyError("scikit-learn", "candidates", "a classifier head") from error
    return FeatureHasher(BUCKETS, input_type="string", dtype=np.float32)


@lru_cache(maxsize=1 << 14)
def _features(token: str) -> tuple[str, ...]:
    """Word and shape first, which neighbours are known by, too."""
    shape = token
    for pattern, sign in _SHAPES:
        shape = pattern.sub(sign, shape)
    short = re.sub(r"(.)\1{3,}", r"\1\1\1\1", shape)
    case = "U" if token.isupper() else "T" if token[:1].isupper() else "l"
    return f"w{token.lower()}", f"s{shape}", f"c{case}{short}", f"p{token[:3].lower()}", f"e{token[-3:].lower()}"


def _span_scores(tags: Scores) -> Scores:
    """The log odds of each span by its first token and its length - 1; -inf where the text ends before."""
    count = len(tags)
    begins = tags[:, BEGIN] - tags[:, OUTSIDE]
    inside = np.concatenate([[0.0], np.cumsum(tags[:, INSIDE] - tags[:, OUTSIDE])])
    ends = np.append(np.logaddexp(tags[1:, OUTSIDE], tags[1:, BEGIN]) - tags[1:, OUTSIDE], 0.0)
    scores = np.full((count, min(MAX_TOKENS, count)), -np.inf)
    for length in range(scores.shape[1]):
        first = np.arange(count - length)
        last = first + length
        scores[first, length] = begins[first] + inside[last + 1] - inside[first + 1] + ends[last]
    return scores
