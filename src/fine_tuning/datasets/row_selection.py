"""Select the rows of a dataset: deduplicate by the longest or the best-rated row, balance, sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fine_tuning.datasets import boilerplate, grown_chats, near_duplicates, telling_words, unlearnt_answers
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
        similar: pairs of rows with similar prompts, which belong in one split. Where near-duplicates are removed, these
            are different questions after much the same conversation.
        unlearnt: the text, and the number of answers with weight 0, of rows that go on after answers left out.
        repeated: likewise of rows that repeat the answers of other rows of their chat; the text has both weights.
    """

    status: NDArray[np.int8]
    kept_instead: Ints
    conflicts: list[Ints]
    similar: Ints
    unlearnt: dict[int, tuple[str, int]] = field(default_factory=dict)
    repeated: dict[int, tuple[str, int]] = field(default_factory=dict)

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
    _unlearn(chosen, spool)
    chosen.conflicts = conflicts(spool, chosen.kept)
    if recipe.near_duplicates is not None:
        shorter, longer = grown_chats.continued(spool, chosen.kept)
        chosen.status[shorter] = RowStatus.CONTINUED
        chosen.kept_instead[shorter] = longer
    kept = chosen.kept
    pairs, is_duplicate = similar_pairs(spool, kept, recipe.near_duplicates or DEFAULT_THRESHOLD)
    if recipe.near_duplicates is not None:
        groups = near_duplicates.components(len(kept), pairs[is_duplicate])
        _keep_best(chosen, spool, kept, (groups,), RowStatus.NEAR_DUPLICATE)
    _follow(chosen.kept_instead)
    similar = kept[pairs]
    chosen.similar = np.where(chosen.kept_instead[similar] < 0, similar, chosen.kept_instead[similar])
    if recipe.balance is not None:
        _balance(chosen, spool, recipe.seed)
    if recipe.limit is not None:
        kept = chosen.kept
        chosen.status[sampled(spool, kept, recipe.seed)[recipe.limit :]] = RowStatus.NOT_SAMPLED
    if recipe.near_duplicates is not None:
        _learn_once(chosen, spool)
    return chosen


def _unlearn(chosen: Selection, spool: Spool) -> None:
    """Give answers that are left out weight 0 in the rows that go on after them, or leave out those rows, too."""
    found = grown_chats.unlearnt(spool, chosen.kept)
    for texts in spool.picked("text", list(found)) if found else ():
        for at, text in texts.items():
            if (marked := unlearnt_answers.marked_text(text, found[at])) is not None:
                chosen.unlearnt[at] = marked, len(found[at])
            else:
                chosen.status[at] = RowStatus.FILTERED
                spool.numbers["reason"][at] = spool.code("reason", "bad_turn")


def _learn_once(chosen: Selection, spool: Spool) -> None:
    """Give answers that another kept row of the same chat ends with weight 0, where the format has weights."""
    found = grown_chats.learnt_before(spool, chosen.kept)
    for texts in spool.picked("text", list(found)) if found else ():
        for at, text in texts.items():
            unlearnt, _ = chosen.unlearnt.get(at, (text, 0))
            if (marked := unlearnt_answers.marked_text(unlearnt, found[at])) is not None:
                chosen.repeated[at] = marked, len(found[at])


def _follow(kept_instead: Ints) -> None:
    """Name the row that is kept in the end, where the first one was left out for another."""
    while True:
        rows = np.flatnonzero(kept_instead >= 0)
        further = kept_instead[kept_instead[rows]]
        if not (further >= 0).any():
            return
        kept_instead[rows[further >= 0]] = further[further >= 0]


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


def similar_pairs(spool: Spool, rows: Ints, threshold: float) -> tuple[Ints, NDArray[np.bool_]]:
    """Pairs, as places in `rows`, of similar prompts; and whether each is a pair of near-duplicates.

    The last turns of near-duplicates are as similar as their prompts: two questions at the end of one long conversation
    are two questions.
    """
    sample = spool.pick("prompt_words", rows[:: max(1, len(rows) // boilerplate.SAMPLE)])
    common = boilerplate.shared(list(sample.values()))
    pairs = near_duplicates.candidates(_bands_of_own(spool, rows, common) if common else spool.bands[rows])
    apart = spool.numbers["apart"][rows]
    pairs = pairs[apart[pairs[:, 0]] == apart[pairs[:, 1]]]
    texts = spool.pick("prompt_words", rows[np.unique(pairs)])
    counts = spool.numbers["last_words"]
    prompts = _Texts(texts, counts, common)
    pairs = pairs[prompts.alike(rows[pairs], threshold)]
    is_long: NDArray[np.bool_] = np.any(counts[rows[pairs]] > 0, axis=1)
    is_duplicate = np.ones(len(pairs), bool)
    if not is_long.any():
        return pairs, is_duplicate
    members = np.unique(pairs[is_long])
    turns = {at: _last_turn(texts[at], int(counts[at])) for at in rows[members].tolist()}
    # A prompt is paired with few of those that are like it; here with those that are like it in the last turn, too.
    alike = near_duplicates.components(len(rows), pairs)[members]
    telling = np.array([telling_words.key_of(text) for text in turns.values()], np.uint64)
    last = [boilerplate.own(text, common) for text in turns.values()]
    bands = _bands(last, telling ^ seeded_hash(alike.astype(np.uint64), 0))
    more = members[near_duplicates.candidates(bands)]
    more = more[prompts.alike(rows[more], threshold)]
    pairs = np.concatenate([pairs[~is_long], np.unique(np.concatenate([pairs[is_long], more]), axis=0)])
    is_duplicate = np.ones(len(pairs), bool)
    checked = slice(int((~is_long).sum()), None)
    is_duplicate[checked] = _Texts(turns, np.zeros_like(counts), common).alike(rows[pairs[checked]], threshold)
    return pairs, is_duplicate


class _Texts(NamedTuple):
    """Texts by the positions of their rows, the words in the last turn of each row, and the boilerplate of all."""

    texts: Mapping[int, str]
    last_words: Numbers
    common: frozenset[boilerplate.Shingle]

    def alike(self, pairs: Ints, threshold: float) -> NDArray[np.bool_]:
        """Whether the texts of each pair of rows are similar, with their boilerplate and without.

        Telling words count where the last turn is the whole text; else they may be of other turns.
        """
        found = near_duplicates.alike(pairs, self.texts, threshold)
        is_single = found & (self.last_words[pairs] == 0).all(axis=1)
        found[is_single] = near_duplicates.same_telling_words(pairs[is_single], self.texts)
        if self.common:
            left = np.unique(pairs[found]).tolist()
            own = {at: boilerplate.own(self.texts[at], self.common, int(self.last_words[at])) for at in left}
            found[found] = near_duplicates.alike(pairs[found], own, threshold)
        return found


def _last_turn(text: str, count: int) -> str:
    """The last words of a prompt; all where the last turn is the whole prompt."""
    return " ".join(text.split()[-count:]) if count else text


def _bands_of_own(spool: Spool, rows: Ints, common: frozenset[boilerplate.Shingle]) -> NDArray[np.uint32]:
    """The bands of the prompts without their boilerplate."""
    last, apart = spool.numbers["last_words"], spool.numbers["apart"]
    parts = (part.items() for part in spool.picked("prompt_words", rows))
    texts = (
        (boilerplate.own(text, common, int(last[at])), (0 if last[at] else telling_words.key_of(text)) ^ int(apart[at]))
        for part in parts
        for at, text in part
    )
    blocks = iter(lambda: list(islice(texts, SIGNATURE_BATCH)), [])
    return np.concatenate(
        [_bands([own for own, _ in block], np.array([key for _, key in block], np.uint64)) for block in blocks]
    )


def _bands(texts: Sequence[str], telling: NDArray[np.uint64]) -> NDArray[np.uint32]:
    return near_duplicates.bands_of(near_duplicates.signatures(texts), telling)


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
