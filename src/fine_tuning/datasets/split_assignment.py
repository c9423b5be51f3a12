"""Train, validation and test: shares of the rows, spread evenly over a field, that have no conversation in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fine_tuning.datasets import conversations, near_duplicates
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.row_selection import Selection, seeded_hash
from fine_tuning.datasets.spool import Spool

TOLERANCE = 0.25  # of the size that a split is to have
SPLITS = ("train", "validation", "test")
Ints = NDArray[np.int64]


class Assignment(NamedTuple):
    """The splits of rows.

    Attributes:
        split: of each kept row, its place in `SPLITS`.
        largest_group: the number of rows of the largest group that is in one split.
    """

    split: Ints
    largest_group: int = 1


def assign(spool: Spool, selection: Selection, recipe: Recipe) -> Assignment:
    """The split of each kept row.

    Rows with the same question, rows of one conversation and near-duplicates are in one split. The assignment depends
    on the seed and on the content of the rows, not on their order.
    """
    kept = selection.kept
    if len(kept) == 0 or recipe.shares[0] == 1:
        return Assignment(np.zeros(len(kept), np.int64))
    groups = _groups(spool, selection, kept)
    hashes = seeded_hash(spool.content[kept, 0], recipe.seed)
    strata = _ranked(spool.numbers["stratum"][kept], spool.names["stratum"])
    # A group takes the lowest hash of its rows, and the stratum of that row.
    order = np.lexsort((hashes, groups))
    heads = order[np.r_[True, groups[order[1:]] != groups[order[:-1]]]]
    sizes = np.bincount(groups)
    turn = np.lexsort((hashes[heads], strata[heads]))
    split = np.empty(len(heads), np.int64)
    split[groups[heads[turn]]] = deal(sizes[groups[heads[turn]]].tolist(), recipe.shares)
    return Assignment(split[groups], int(sizes.max()))


def deviation(assigned: Assignment, recipe: Recipe) -> str | None:
    """The splits that are empty, or far from the size that the recipe has for them, and why; None if there are none."""
    rows = len(assigned.split)
    found = []
    for place, (name, share) in enumerate(zip(SPLITS, recipe.shares, strict=True)):
        count, expected = int((assigned.split == place).sum()), share * rows
        if share and (not count or abs(count - expected) > max(1, TOLERANCE * expected)):
            found.append(f"{name} has {count:,} instead of {expected:,.3g}")
    if not found:
        return None
    group = f"; {assigned.largest_group:,} of them belong together (one conversation, one question or near-duplicates)"
    return f"of {rows:,} rows, {', '.join(found)}{group if assigned.largest_group > 1 else ''}"


def deal(sizes: Sequence[int], shares: Sequence[float]) -> list[int]:
    """Assign each group in turn to the split that lacks most rows, so that any run of groups has these shares."""
    lacking = [0.0] * len(shares)
    found = []
    for size in sizes:
        for place, share in enumerate(shares):
            lacking[place] += size * share
        split = max(range(len(shares)), key=lacking.__getitem__)
        lacking[split] -= size
        found.append(split)
    return found


def _groups(spool: Spool, selection: Selection, kept: Ints) -> Ints:
    """The group of each kept row, numbered from 0."""
    places = np.full(len(spool), -1, np.int64)
    places[kept] = np.arange(len(kept))
    found = [places[each] for each in (selection.similar, conversations.links(spool, kept))]
    links = [*found, *(_chained(spool.numbers[name][kept]) for name in ("prompt", "conversation"))]
    pairs = np.concatenate(links)
    return near_duplicates.components(len(kept), pairs[(pairs >= 0).all(axis=1)])  # the others were not sampled


def _chained(keys: NDArray[np.uint64]) -> Ints:
    """Pairs that link all rows with the same key; 0 is no key."""
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero((keys[order[1:]] == keys[order[:-1]]) & (keys[order[1:]] != 0))
    return np.stack([order[same], order[same + 1]], axis=1)


def _ranked(codes: NDArray[np.int32], names: Sequence[str]) -> Ints:
    """The codes by the order of their names, so that they do not depend on which name came first."""
    rank = np.full(len(names) + 1, -1, np.int64)  # the last for -1, no name
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return rank[codes]
