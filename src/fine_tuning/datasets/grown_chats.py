"""Chats that are logged at every turn, by the states of their rows: which rows others continue, or go on after."""

from __future__ import annotations

import numpy as np

from fine_tuning.datasets.row_features import Growth, State
from fine_tuning.datasets.spool import Numbers, Spool
from fine_tuning.datasets.spooled_states import is_in, pairs
from fine_tuning.datasets.unlearnt_answers import BadStates


def continued(spool: Spool, rows: Numbers) -> tuple[Numbers, Numbers]:
    """The rows whose whole conversation is the beginning of another row's, and the longest such row of each."""
    growth, whole = spool.numbers["growth"], spool.numbers["whole"]
    starts = np.zeros(len(spool), bool)
    starts[rows[(growth[rows] & Growth.LEARNS_ALL) != 0]] = True
    longer, key, _ = pairs(spool, "starts", starts, None)
    shorter = rows[((growth[rows] & Growth.IS_LEARNT_IN_LONGER) != 0) & is_in(whole[rows], np.unique(key))]
    length = np.bincount(longer, minlength=len(spool))
    ids = spool.numbers["conversation"]
    # A row without an id is continued by any; one with an id by those with the same one and those without.
    anyone = _Longest(key, longer, length)
    same = _Longest(_both(key, ids[longer]), longer, length)
    mine, nobody = (same.of(_both(whole[shorter], other)) for other in (ids[shorter], np.zeros_like(ids[shorter])))
    known = np.where(_length(length, mine) >= _length(length, nobody), mine, nobody)
    found = np.where(ids[shorter] == 0, anyone.of(whole[shorter]), known)
    return shorter[found >= 0], found[found >= 0]


def unlearnt(spool: Spool, rows: Numbers) -> dict[int, set[int]]:
    """The rows that go on after an answer which is left out as a row of its own, each with the states it ends."""
    state, whole, bare, ids = (spool.numbers[name] for name in ("state", "whole", "unasked", "conversation"))
    bad = BadStates()
    for states in (whole, bare):  # of a row left out, the second is the first without the context of its question
        for at in np.flatnonzero((state == State.LEFT_OUT) & (states != 0)).tolist():
            bad.add(int(states[at]), int(ids[at]))
    if not bad:
        return {}
    learnt = rows[(spool.numbers["growth"][rows] & Growth.IS_LEARNT_IN_LONGER) != 0]
    for at in learnt[is_in(whole[learnt], _sorted(bad))].tolist():
        bad.discard(int(whole[at]), int(ids[at]))
    is_chosen = np.zeros(len(spool), bool)
    is_chosen[learnt] = True
    found: dict[int, set[int]] = {}
    row, key, _ = pairs(spool, "starts", is_chosen, _sorted(bad))
    for at, each in zip(row.tolist(), key.tolist(), strict=True):
        if bad.has(each, int(ids[at])):
            found.setdefault(at, set()).add(each)
    return found


def learnt_before(spool: Spool, rows: Numbers) -> dict[int, set[int]]:
    """The rows that repeat answers of other rows of the same chat, as logs of its last messages do, with their states.

    Only rows whose chat has an id: what others have in common may be a greeting.
    """
    ids, growth = spool.numbers["conversation"], spool.numbers["growth"]
    named = rows[ids[rows] != 0]
    _, places, counts = np.unique(ids[named], return_inverse=True, return_counts=True)
    several = named[counts[places] > 1]
    if not len(several):
        return {}
    is_later, is_earlier = np.zeros((2, len(spool)), bool)
    is_later[several[(growth[several] & Growth.IS_LEARNT_IN_LONGER) != 0]] = True
    is_earlier[several[(growth[several] & Growth.LEARNS_ALL) != 0]] = True
    later, start = _answered(spool, is_later)
    earlier, end, _ = pairs(spool, "ends", is_earlier, np.unique(start))
    is_repeated = is_in(_both(start, ids[later]), np.unique(_both(end, ids[earlier])))
    ending: dict[tuple[int, int], set[int]] = {}
    for row, key in zip(earlier.tolist(), end.tolist(), strict=True):
        ending.setdefault((key, int(ids[row])), set()).add(row)
    found: dict[int, set[int]] = {}
    for at in np.flatnonzero(is_repeated).tolist():
        row = int(later[at])
        if ending.get((int(start[at]), int(ids[row])), set()) - {row}:  # which has all answers until then
            found[row] = set(start[np.searchsorted(later, row) : at + 1].tolist())
    return found


def _answered(spool: Spool, is_chosen: Numbers) -> tuple[Numbers, Numbers]:
    """The chosen rows, in order, and the states that their answers but the last one end."""
    rows, states = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    for row, values in spool.hashes("starts"):
        here = is_chosen[row] & (values[:, 2] != 0)
        rows.append(row[here])
        states.append(values[here, 0])
    return np.concatenate(rows), np.concatenate(states)


def _sorted(states: BadStates) -> Numbers:
    return np.sort(np.fromiter(states.keys, np.uint64))


class _Longest:
    """The longest row of each key, the first of several."""

    def __init__(self, keys: Numbers, rows: Numbers, length: Numbers) -> None:
        order = np.lexsort((rows, -length[rows], keys))
        self._keys, first = np.unique(keys[order], return_index=True)
        self._rows = rows[order[first]]

    def of(self, keys: Numbers) -> Numbers:
        """The row of each key; -1 for none."""
        if not len(self._keys):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found: Numbers = np.where(self._keys[at] == keys, self._rows[at], -1)
        return found


def _both(keys: Numbers, ids: Numbers) -> Numbers:
    """One key for two."""
    mixed: Numbers = (keys ^ (keys >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) ^ ids
    return mixed


def _length(length: Numbers, rows: Numbers) -> Numbers:
    found: Numbers = np.where(rows >= 0, length[rows], -1)
    return found
