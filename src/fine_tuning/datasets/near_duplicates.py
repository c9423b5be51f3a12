"""Groups of texts that say almost the same.

MinHash signatures (Broder, "On the resemblance and containment of documents", 1997) over word 3-grams, candidate pairs
by banding (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3.4), each checked by its exact Jaccard
similarity, groups by connected components.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fine_tuning.datasets.engine import daft

NGRAM_WORDS = 3
BANDS, ROWS_PER_BAND = 16, 4  # a pair with similarity 0.8 becomes a candidate with probability 0.9998
DEFAULT_THRESHOLD = 0.8
_WORD = re.compile(r"\w+")


def groups(texts: Sequence[str], threshold: float = DEFAULT_THRESHOLD) -> list[int]:
    """The group of each text, numbered from 0 in order of first appearance.

    Args:
        threshold: texts whose word 3-grams have at least this Jaccard similarity (0 to 1) share a group, also through
            others between them. Case and punctuation do not count.

    Returns:
        One number per text; equal numbers are near-duplicates.
    """
    normalised = [" ".join(_WORD.findall(text.lower())) for text in texts]
    parents = list(range(len(texts)))
    for first, second in _candidates(normalised):
        a, b = _root(parents, first), _root(parents, second)
        if a != b and similarity(normalised[first], normalised[second]) >= threshold:
            parents[max(a, b)] = min(a, b)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(_root(parents, i), len(numbers)) for i in range(len(texts))]


def similarity(first: str, second: str) -> float:
    """Jaccard similarity of two texts' word 3-grams (of the whole text where it is shorter)."""
    a, b = _shingles(first), _shingles(second)
    return len(a & b) / len(a | b)


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + NGRAM_WORDS]) for i in range(max(1, len(words) - NGRAM_WORDS + 1))}


def _candidates(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs that agree in at least one band: each text with the first of its bucket and with the one before it."""
    if len(texts) < 2:
        return []
    module = daft()
    hashed = module.functions.minhash(
        module.col("text"), num_hashes=BANDS * ROWS_PER_BAND, ngram_size=NGRAM_WORDS, seed=1
    )
    frame = module.from_pydict({"position": list(range(len(texts))), "text": list(texts)})
    table = frame.select(module.col("position"), hashed.alias("signature")).sort("position").to_arrow()
    flat = table.column("signature").combine_chunks().flatten().to_numpy()
    signatures = np.ascontiguousarray(flat.reshape(len(texts), BANDS, ROWS_PER_BAND))
    pairs: set[tuple[int, int]] = set()
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for position in range(len(texts)):
            buckets[signatures[position, band].tobytes()].append(position)
        for bucket in buckets.values():
            pairs.update((bucket[0], other) for other in bucket[1:])
            pairs.update(pairwise(bucket))
    return sorted(pairs)


def _root(parents: list[int], member: int) -> int:
    while parents[member] != member:
        parents[member] = parents[parents[member]]
        member = parents[member]
    return member
