"""Groups of near-duplicate texts.

MinHash signatures (Broder, "On the resemblance and containment of documents", 1997) over word 3-grams, candidate pairs
by banding (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3.4), each checked by its exact Jaccard
similarity, groups by connected components. Text that many of them share is ignored; see `boilerplate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fine_tuning.datasets import boilerplate, telling_words
from fine_tuning.datasets.daft_engine import DaftExpression, daft
from fine_tuning.datasets.recipe import DEFAULT_THRESHOLD
from fine_tuning.datasets.words import NGRAM_WORDS, exact, normalised, shingles

BANDS, ROWS_PER_BAND = 16, 4  # a pair with similarity 0.8 becomes a candidate with probability 0.9998, with 0.7 0.988
Positions = NDArray[np.int64]


def signature(text: DaftExpression) -> DaftExpression:
    """The MinHash signatures of a column of normalised texts."""
    return daft().functions.minhash(text, num_hashes=BANDS * ROWS_PER_BAND, ngram_size=NGRAM_WORDS, seed=1)


def bands_of(signatures: NDArray[np.uint32], telling: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """A key for each text (rows) in each band (columns); texts that agree in a band have the same key there.

    Args:
        telling: a key of each text that must be equal, too; see `telling_words`.
    """
    keys = np.repeat(telling.reshape(-1, 1), BANDS, axis=1)
    for place in range(ROWS_PER_BAND):
        keys = (keys ^ signatures.reshape(-1, BANDS, ROWS_PER_BAND)[:, :, place]) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return (keys >> np.uint64(32)).astype(np.uint32)


def candidates(bands: NDArray[np.uint32]) -> Positions:
    """Pairs (a row each, the earlier text first) of texts that agree in at least one band.

    In each band a text is paired with the first of its bucket and with the one before it.
    """
    count = len(bands)
    found = np.empty(0, np.int64)
    for band in range(bands.shape[1]):
        keys = bands[:, band]
        order = np.argsort(keys, kind="stable")
        is_new = np.ones(count, bool)
        is_new[1:] = keys[order[1:]] != keys[order[:-1]]
        first = order[np.maximum.accumulate(np.where(is_new, np.arange(count), 0))]
        again = np.flatnonzero(~is_new)
        pairs = [earlier[again - shift] * count + order[again] for earlier, shift in ((first, 0), (order, 1))]
        found = np.union1d(found, np.concatenate(pairs))
    return np.stack(np.divmod(found, count), axis=1) if count else np.empty((0, 2), np.int64)


def alike(pairs: Positions, texts: Mapping[int, str], threshold: float) -> NDArray[np.bool_]:
    """Whether each pair of normalised texts has at least this similarity; at 1, whether they are identical."""
    last = -1
    of_last: Set[object] = set()
    found = np.zeros(len(pairs), bool)
    for place, (a, b) in enumerate(pairs.tolist()):
        if a != last:
            last, of_last = a, shingles(texts[a])
        found[place] = texts[a] == texts[b] or (threshold < 1 and _jaccard(of_last, shingles(texts[b])) >= threshold)
    return found


def same_telling_words(pairs: Positions, texts: Mapping[int, str]) -> NDArray[np.bool_]:
    """Whether the normalised texts of each pair have the same numbers, operators, negations: see `telling_words`."""
    found = {at: telling_words.telling(texts[at]) for at in np.unique(pairs).tolist()}
    return np.array([found[a] == found[b] for a, b in pairs.tolist()], bool)


def components(count: int, pairs: Positions) -> Positions:
    """The group of each of `count` texts, numbered from 0, where the texts of a pair are in one group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def groups(texts: Sequence[str], threshold: float = DEFAULT_THRESHOLD, apart: Sequence[int] = ()) -> list[int]:
    """The group of each text, numbered from 0 in order of first appearance.

    Args:
        threshold: texts whose word 3-grams have at least this Jaccard similarity (0 to 1) share a group, also by a
            chain of such pairs. Case, punctuation and boilerplate are ignored; see `words.normalised`; texts with
            different numbers, operators or negations are different; see `telling_words`. At 1, texts
            share a group that are identical but for white space and the case of whole sentences.
        apart: a key of each text that those of a group have in common, such as that of the system prompt.

    Returns:
        One number per text; equal numbers are near-duplicates.
    """
    if len(texts) < 2:
        return list(range(len(texts)))
    words = [(exact if threshold == 1 else normalised)(text) for text in texts]
    common = boilerplate.shared(words)
    own = [boilerplate.own(text, common) for text in words] if common else words
    keys = np.array(apart or [0] * len(texts), np.uint64)
    telling = np.array([telling_words.key_of(text) for text in words], np.uint64)
    pairs = candidates(bands_of(signatures(own), telling ^ keys))
    pairs = pairs[keys[pairs[:, 0]] == keys[pairs[:, 1]]]
    pairs = pairs[alike(pairs, dict(enumerate(own)), threshold)]
    pairs = pairs[same_telling_words(pairs, dict(enumerate(words)))]
    if common:  # the texts with their boilerplate, too: one question about two long documents is two questions
        pairs = pairs[alike(pairs, dict(enumerate(words)), threshold)]
    numbers: dict[int, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in components(len(texts), pairs).tolist()]


def similarity(first: str, second: str) -> float:
    """Jaccard similarity of two normalised texts' word 3-grams (of the whole text where it is shorter)."""
    return _jaccard(shingles(first), shingles(second))


def _jaccard(a: Set[object], b: Set[object]) -> float:
    common = len(a & b)
    return common / (len(a) + len(b) - common)


def signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """The signatures of normalised texts, a row each."""
    module = daft()
    frame = module.from_pydict({"position": list(range(len(texts))), "text": list(texts)})
    table = frame.select(module.col("position"), signature(module.col("text")).alias("s")).sort("position").to_arrow()
    return as_matrix(table.column("s").combine_chunks())


def as_matrix(column: pa.Array) -> NDArray[np.uint32]:
    """Arrow's list of signatures as an array."""
    flat: NDArray[np.uint32] = column.flatten().to_numpy()
    return flat.reshape(-1, BANDS * ROWS_PER_BAND)
