"""Select the rows of a dataset: deduplicate by the best-rated row, balance, sample."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from fine_tuning.datasets import boilerplate, near_duplicates
from fine_tuning.datasets.recipe import DEFAULT_THRESHOLD, Recipe
from fine_tuning.datasets.row_features import State
from fine_tuning.datasets.row_status import RowStatus
from fine_tuning.datasets.spool import Numbers, Spool

Ints = NDArray[np.int64]
SIGNATURE_BATCH = 100_000  # texts


@dataclass
class Selection:
    """The status of all rows.

    Attributes:
        status: a `RowStatus` of each row.
        kept_instead: the position of the row that is kept in place of a duplicate; -1 for other rows.
        conflicts: groups of positions with one prompt and different responses, before near-duplicates are removed.
        similar: pairs of kept rows that are near-duplicates; empty where those are removed.
    """

    status: NDArray[np.int8]
    kept_instead: Ints
    conflicts: list[Ints]
    similar: Ints

    @property
    def kept(self) -> Ints:
        """The positions of the kept rows."""
        return np.flatnonzero(self.status == RowStatus.KEPT)


def select(spool: Spool, recipe: Recipe) -> Selection:
    """The status of every row."""
    state = spool.numbers.get("state", np.empty(0, np.int8))
    status = np.select(
        [state == State.REJECTED, state == State.LEFT_OUT], [RowStatus.REJECTED, RowStatus.FILTERED], RowStatus.KEPT
    )
    chosen = Selection(status.astype(np.int8), np.full(len(status), -1, np.int64), [], np.empty((0, 2), np.int64))
    if not len(status):
        return chosen
    kept = chosen.kept
    _keep_best(chosen, spool, kept, (spool.content[kept, 0], spool.content[kept, 1]), RowStatus.DUPLICATE)
    chosen.conflicts = conflicts(spool, chosen.kept)
    kept = chosen.kept
    pairs = similar_pairs(spool, kept, recipe.near_duplicates or DEFAULT_THRESHOLD)
    if recipe.near_duplicates is None:
        chosen.similar = kept[pairs]
    else:
        _keep_best(chosen, spool, kept, (near_duplicates.components(len(kept), pairs),), RowStatus.NEAR_DUPLICATE)
    if recipe.balance is not None:
        _balance(chosen, spool, recipe.seed)
    if recipe.limit is not None:
        kept = chosen.kept
        chosen.status[sampled(spool, kept, recipe.seed)[recipe.limit :]] = RowStatus.NOT_SAMPLED
    return chosen


def _keep_best(chosen: Selection, spool: Spool, rows: Ints, keys: tuple[Numbers, ...], status: RowStatus) -> None:
    """Of the rows with equal keys keep the best rated, or the first of several."""
    rating = np.nan_to_num(spool.numbers["rating"][rows], nan=0.0)
    order = np.lexsort((rows, -rating, *keys))
    is_new = np.zeros(len(rows), bool)
    is_new[:1] = True
    for key in keys:
        is_new[1:] |= key[order[1:]] != key[order[:-1]]
    best = order[np.maximum.accumulate(np.where(is_new, np.arange(len(rows)), 0))]
    others = order[~is_new]
    chosen.status[rows[others]] = status
    chosen.kept_instead[rows[others]] = rows[best[~is_new]]


def conflicts(spool: Spool, rows: Ints) -> list[Ints]:
    """Groups of rows with one prompt and different responses."""
    prompt, response = spool.numbers["prompt"][rows], spool.numbers["response"][rows]
    order = np.lexsort((rows, prompt))
    starts = np.flatnonzero(np.r_[True, prompt[order[1:]] != prompt[order[:-1]]])
    groups = (part for part in np.split(order, starts[1:]) if len(part) > 1)
    return [rows[part] for part in groups if len(np.unique(response[part])) > 1]


def similar_pairs(spool: Spool, rows: Ints, threshold: float) -> Ints:
    """Pairs, as places in `rows`, of near-duplicate prompts."""
    sample = spool.pick("prompt_words", rows[:: max(1, len(rows) // boilerplate.SAMPLE)])
    common = boilerplate.shared(list(sample.values()))
    pairs = near_duplicates.candidates(_bands_of_own(spool, rows, common) if common else spool.bands[rows])
    texts = spool.pick("prompt_words", rows[np.unique(pairs)])
    if common:  # the texts must be similar with their boilerplate and without
        pairs = pairs[near_duplicates.alike(rows[pairs], texts, threshold)]
        texts = {position: boilerplate.own(text, common) for position, text in texts.items()}
    return pairs[near_duplicates.alike(rows[pairs], texts, threshold)]


def _bands_of_own(spool: Spool, rows: Ints, common: frozenset[boilerplate.Shingle]) -> NDArray[np.uint32]:
    """The bands of the prompts without their boilerplate."""
    texts = (boilerplate.own(text, common) for part in spool.picked("prompt_words", rows) for text in part.values())
    blocks = iter(lambda: list(islice(texts, SIGNATURE_BATCH)), [])
    return np.concatenate([near_duplicates.bands_of(near_duplicates.signatures(block)) for block in blocks])


def sampled(spool: Spool, rows: Ints, seed: int) -> Ints:
    """The rows in a random order that depends on the seed and on their content only."""
    return rows[np.lexsort((rows, seeded_hash(spool.content[rows, 0], seed)))]


def seeded_hash(hashes: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Hash each content hash with a seed (the mixing step of SplitMix64)."""
    mixed = hashes ^ np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _balance(chosen: Selection, spool: Spool, seed: int) -> None:
    """Keep as many rows of each value as the rarest has."""
    order = sampled(spool, chosen.kept, seed)
    values = spool.numbers["balanced"][order]
    _, counts = np.unique(values, return_counts=True)
    most = counts.min() if len(counts) else 0
    for value in np.unique(values):
        chosen.status[order[values == value][most:]] = RowStatus.NOT_SAMPLED
