"""Which of all rows stay: each thing said once, by the row that was rated best; balanced; no more than wanted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fine_tuning.datasets import boilerplate, near_duplicates
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.row_features import State
from fine_tuning.datasets.spool import Spool

Ints = NDArray[np.int64]
SIGNED_AT_ONCE = 100_000  # texts


class Fate(IntEnum):
    """What becomes of a row."""

    KEPT = 0
    REJECTED = 1
    FILTERED = 2
    DUPLICATE = 3
    NEAR_DUPLICATE = 4
    NOT_DRAWN = 5


@dataclass
class Selection:
    """What becomes of all rows.

    Attributes:
        fate: of each row, a `Fate`.
        instead: the position of the row that stays in a duplicate's place; -1 for other rows.
        conflicts: groups of positions that ask the same and answer differently, before near-duplicates are removed.
        similar: pairs of kept rows that are near-duplicates; empty where those are removed.
    """

    fate: NDArray[np.int8]
    instead: Ints
    conflicts: list[Ints]
    similar: Ints

    @property
    def kept(self) -> Ints:
        """The positions of the rows that stay."""
        return np.flatnonzero(self.fate == Fate.KEPT)


def select(spool: Spool, recipe: Recipe) -> Selection:
    """Decide on every row."""
    state = spool.numbers.get("state", np.empty(0, np.int8))
    fate = np.select([state == State.REJECTED, state == State.LEFT_OUT], [Fate.REJECTED, Fate.FILTERED], Fate.KEPT)
    chosen = Selection(fate.astype(np.int8), np.full(len(fate), -1, np.int64), [], np.empty((0, 2), np.int64))
    if not len(fate):
        return chosen
    kept = chosen.kept
    _keep_best(chosen, spool, kept, (spool.content[kept, 0], spool.content[kept, 1]), Fate.DUPLICATE)
    chosen.conflicts = conflicts(spool, chosen.kept)
    kept = chosen.kept
    pairs = similar_pairs(spool, kept, recipe.near_duplicates or near_duplicates.DEFAULT_THRESHOLD)
    if recipe.near_duplicates is None:
        chosen.similar = kept[pairs]
    else:
        _keep_best(chosen, spool, kept, (near_duplicates.components(len(kept), pairs),), Fate.NEAR_DUPLICATE)
    if recipe.balance is not None:
        _balance(chosen, spool, recipe.seed)
    if recipe.limit is not None:
        kept = chosen.kept
        chosen.fate[drawn(spool, kept, recipe.seed)[recipe.limit :]] = Fate.NOT_DRAWN
    return chosen


def _keep_best(chosen: Selection, spool: Spool, rows: Ints, keys: tuple[NDArray[Any], ...], fate: Fate) -> None:
    """Of the rows with equal keys keep the best rated, the first of several."""
    rating = np.nan_to_num(spool.numbers["rating"][rows], nan=0.0)
    order = np.lexsort((rows, -rating, *keys))
    is_new = np.zeros(len(rows), bool)
    is_new[:1] = True
    for key in keys:
        is_new[1:] |= key[order[1:]] != key[order[:-1]]
    best = order[np.maximum.accumulate(np.where(is_new, np.arange(len(rows)), 0))]
    others = order[~is_new]
    chosen.fate[rows[others]] = fate
    chosen.instead[rows[others]] = rows[best[~is_new]]


def conflicts(spool: Spool, rows: Ints) -> list[Ints]:
    """Groups of rows that ask the same and answer differently."""
    question, answer = spool.numbers["question"][rows], spool.numbers["answer"][rows]
    order = np.lexsort((rows, question))
    starts = np.flatnonzero(np.r_[True, question[order[1:]] != question[order[:-1]]])
    groups = (part for part in np.split(order, starts[1:]) if len(part) > 1)
    return [rows[part] for part in groups if len(np.unique(answer[part])) > 1]


def similar_pairs(spool: Spool, rows: Ints, threshold: float) -> Ints:
    """Pairs, as places in `rows`, whose questions are so alike."""
    sample = spool.pick("asked", rows[:: max(1, len(rows) // boilerplate.SAMPLE)])
    common = boilerplate.shared(list(sample.values()))
    pairs = near_duplicates.candidates(_bands_of_own(spool, rows, common) if common else spool.bands[rows])
    texts = spool.pick("asked", rows[np.unique(pairs)])
    if common:  # what is around questions must be alike, and what they say beside it
        pairs = pairs[near_duplicates.alike(rows[pairs], texts, threshold)]
        texts = {position: boilerplate.own(text, common) for position, text in texts.items()}
    return pairs[near_duplicates.alike(rows[pairs], texts, threshold)]


def _bands_of_own(spool: Spool, rows: Ints, common: frozenset[boilerplate.Shingle]) -> NDArray[np.uint32]:
    """The bands of what questions say beside boilerplate."""
    texts = (boilerplate.own(text, common) for part in spool.picked("asked", rows) for text in part.values())
    blocks = iter(lambda: list(islice(texts, SIGNED_AT_ONCE)), [])
    return np.concatenate([near_duplicates.bands_of(near_duplicates.signatures(block)) for block in blocks])


def drawn(spool: Spool, rows: Ints, seed: int) -> Ints:
    """The rows in the order of a draw that depends on the seed and on what they say alone."""
    return rows[np.lexsort((rows, lot(spool.content[rows, 0], seed)))]


def lot(hashes: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """A number for each hash that looks like chance, another for each seed (the mixing step of SplitMix64)."""
    mixed = hashes ^ np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _balance(chosen: Selection, spool: Spool, seed: int) -> None:
    """Of each value keep as many rows as the rarest has."""
    order = drawn(spool, chosen.kept, seed)
    values = spool.numbers["balanced"][order]
    _, counts = np.unique(values, return_counts=True)
    most = counts.min() if len(counts) else 0
    for value in np.unique(values):
        chosen.fate[order[values == value][most:]] = Fate.NOT_DRAWN
