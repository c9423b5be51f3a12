"""Rows of one conversation, found by their messages, where they have no id of it.

A log of a chat holds a row for each answer, each with the messages before it: all of them, or the last ones. Two rows
are of one conversation if they have a state in common (see `turns.States`), unless that state is an opening that many
chats have, such as a greeting: one that continues in more than `MAX_BRANCHES` ways (a question with more answers, too),
or follows more than so many different messages, or with which more than `MAX_ENDS` chats begin, wherever they part.
What comes before an opening is one, too, where that has no more than `MAX_GREETINGS` exchanges: after a longer one, a
chat whose question was edited again and again is likelier than as many chats of the same words.
Rows with different ids are of different conversations, whatever their messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fine_tuning.datasets import near_duplicates, turns
from fine_tuning.datasets.row_features import Growth, State
from fine_tuning.datasets.spool import Numbers, Spool
from fine_tuning.datasets.unlearnt_answers import BadStates

MAX_BRANCHES = 3  # questions that were edited or sent again, not the customers whom one sentence greets
MAX_ENDS = 10  # of one chat: its questions were edited at several places
MAX_GREETINGS = 2  # answers before the matter: "Hello!", "Sure, go ahead!"


class States(NamedTuple):
    """States that rows have, a place in each array for each.

    Attributes:
        row: the position of the row.
        key: the hash of the state.
        after, before: a hash of the message that follows it, or that it follows; 0 for none.
    """

    row: Numbers
    key: Numbers
    after: Numbers
    before: Numbers


def shared_states(spool: Spool, rows: Numbers) -> States:
    """The states of these rows (positions) that more than one of them may have."""
    is_chosen = np.zeros(len(spool), bool)
    is_chosen[rows] = True
    starts = _pairs(spool, "starts", is_chosen, None)
    whole = spool.numbers["whole"][rows]
    # What a chat ends with is shared with those that go on from it, and with a log of those last messages alone.
    ends = _pairs(spool, "ends", is_chosen, np.unique(np.concatenate([starts[1], whole[whole != 0]])))
    is_known = _is_in(whole, np.unique(np.concatenate([starts[1], ends[1]])))
    none = np.zeros(int(is_known.sum()), np.uint64)
    return States(
        np.concatenate([starts[0], rows[is_known], ends[0]]),
        np.concatenate([starts[1], whole[is_known], ends[1]]),
        np.concatenate([starts[2], none, np.zeros_like(ends[2])]),
        np.concatenate([np.zeros_like(starts[2]), none, ends[2]]),
    )


def links(spool: Spool, rows: Numbers) -> Numbers:
    """Pairs of positions of rows that are of one conversation; conversations are their connected components."""
    return _linked(shared_states(spool, rows), spool.numbers["conversation"])


def groups(chats: Sequence[turns.Messages], ids: Sequence[str | None]) -> list[int]:
    """The conversation of each chat, numbered from 0; chats without ids that ask one question are of one, too.

    Args:
        chats: messages, the answer included.
        ids: of the conversation; None where it is unknown.
    """
    questions: dict[str, int] = {}
    named = np.array([0 if name is None else turns.hash_of(name) for name in ids], np.uint64)
    found = [_NO_STATES]
    pairs = [np.empty((0, 2), np.int64)]
    for row, messages in enumerate(chats):
        states = turns.states(messages)
        starts, ends = (np.frombuffer(each, np.uint64).reshape(-1, 2) for each in (states.starts, states.ends))
        key = np.concatenate([starts[:, 0], ends[:, 0], np.array([states.whole] if states.whole else [], np.uint64)])
        after, before = np.zeros_like(key), np.zeros_like(key)
        after[: len(starts)], before[len(starts) : len(starts) + len(ends)] = starts[:, 1], ends[:, 1]
        found.append(States(np.full(len(key), row), key, after, before))
        question = ids[row] if ids[row] is not None else _question(messages[:-1]) if messages else f"{row}"
        pairs.append(np.array([[questions.setdefault(f"{ids[row] is None} {question}", row), row]]))
    states_of_all = States(*(np.concatenate(column) for column in zip(*found, strict=True)))
    # A state that no other chat goes on from, or is, links nothing: many chats end in the same way.
    is_linking = np.isin(states_of_all.key, states_of_all.key[states_of_all.before == 0])
    linked = _linked(States(*(column[is_linking] for column in states_of_all)), named)
    return [int(each) for each in near_duplicates.components(len(chats), np.concatenate([*pairs, linked]))]


def _question(prompt: turns.Messages) -> str:
    return f"{turns.apart(prompt):x} {turns.prompt_words(prompt).text}"


def _linked(states: States, conversation: Numbers) -> Numbers:
    """Pairs of rows that share a state that is no opening; `conversation` has the id of each row, 0 for none."""
    keys, key = np.unique(states.key, return_inverse=True)
    ids = conversation[states.row]
    after, before = (_different(key, values, len(keys)) for values in (states.after, states.before))
    is_opening = np.maximum(after, before) > MAX_BRANCHES
    is_opening |= _before_openings(key, states, after > MAX_BRANCHES) | (_ends(key, states, after) > MAX_ENDS)
    has_ids = _different(key, ids, len(keys)) > 1
    is_linked = ~is_opening[key] & ~(has_ids[key] & (ids != 0))
    key, row = key[is_linked], states.row[is_linked]
    order = np.lexsort((row, key))
    same = np.flatnonzero(key[order[1:]] == key[order[:-1]])
    return np.stack([row[order[same]], row[order[same + 1]]], axis=1)


def _before_openings(key: Numbers, states: States, is_opening: Numbers) -> Numbers:
    """Whether each state is the beginning of a short opening."""
    is_start = states.after != 0
    row, key = states.row[is_start], key[is_start]
    found = np.zeros(len(is_opening), bool)
    if is_opening.any() and len(row):
        first = np.r_[0, np.flatnonzero(row[1:] != row[:-1]) + 1]
        answers = np.arange(len(row)) - np.repeat(first, np.diff(np.r_[first, len(row)]))  # before it is the question
        found[key[_later(row, is_opening[key] & (answers <= MAX_GREETINGS)) > 0]] = True
    return found


def _ends(key: Numbers, states: States, branches: Numbers) -> Numbers:
    """With how many different chats each state begins, as far as they part; the later states of a row come later.

    Args:
        key: the number of each state.
        branches: the number of different messages that follow each key.
    """
    is_start = states.after != 0
    row, key = states.row[is_start], key[is_start]
    if not len(row):
        return np.ones(len(branches), np.int64)
    more = np.zeros(len(row), np.int64)
    once = np.unique(key, return_index=True)[1]  # all rows with a state have the same ones before it
    more[once] = branches[key[once]] - 1
    ends: Numbers = 1 + np.bincount(key, _later(row, more), minlength=len(branches))
    return ends


def _later(row: Numbers, values: Numbers) -> Numbers:
    """The sum of the values of the same row that come after each one."""
    remaining = np.r_[np.cumsum(values[::-1], dtype=np.int64)[::-1], 0]
    last = np.r_[np.flatnonzero(row[1:] != row[:-1]), len(row) - 1]
    next_row = last[np.searchsorted(last, np.arange(len(row)))] + 1
    later: Numbers = remaining[1:] - remaining[next_row]
    return later


def continued(spool: Spool, rows: Numbers) -> tuple[Numbers, Numbers]:
    """The rows whose whole conversation is the beginning of another row's, and the longest such row of each."""
    growth, whole = spool.numbers["growth"], spool.numbers["whole"]
    starts = np.zeros(len(spool), bool)
    starts[rows[(growth[rows] & Growth.LEARNS_ALL) != 0]] = True
    longer, key, _ = _pairs(spool, "starts", starts, None)
    shorter = rows[((growth[rows] & Growth.IS_LEARNT_IN_LONGER) != 0) & _is_in(whole[rows], np.unique(key))]
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
    state, whole, ids = (spool.numbers[name] for name in ("state", "whole", "conversation"))
    bad = BadStates()
    for at in np.flatnonzero((state == State.LEFT_OUT) & (whole != 0)).tolist():
        bad.add(int(whole[at]), int(ids[at]))
    if not bad:
        return {}
    learnt = rows[(spool.numbers["growth"][rows] & Growth.IS_LEARNT_IN_LONGER) != 0]
    for at in learnt[_is_in(whole[learnt], _sorted(bad))].tolist():
        bad.discard(int(whole[at]), int(ids[at]))
    is_chosen = np.zeros(len(spool), bool)
    is_chosen[learnt] = True
    found: dict[int, set[int]] = {}
    row, key, _ = _pairs(spool, "starts", is_chosen, _sorted(bad))
    for at, each in zip(row.tolist(), key.tolist(), strict=True):
        if bad.has(each, int(ids[at])):
            found.setdefault(at, set()).add(each)
    return found


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


_NOTHING = (np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.uint64))
_NO_STATES = States(*_NOTHING, np.empty(0, np.uint64))


def _pairs(spool: Spool, name: str, is_chosen: Numbers, keys: Numbers | None) -> tuple[Numbers, Numbers, Numbers]:
    """Row, state and neighbouring message of the chosen rows; of those states only, if any are named."""
    found = [_NOTHING]
    for row, values in spool.pairs(name):
        here = is_chosen[row] & (_is_in(values[:, 0], keys) if keys is not None else True)
        found.append((row[here], values[here, 0], values[here, 1]))
    row, key, other = (np.concatenate(column) for column in zip(*found, strict=True))
    return row, key, other


def _is_in(values: Numbers, known: Numbers) -> Numbers:
    """Whether each value is among the sorted ones."""
    if not len(known):
        return np.zeros(len(values), bool)
    found: Numbers = known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values
    return found


def _different(key: Numbers, values: Numbers, count: int) -> Numbers:
    """The number of different values, but for 0, of each of `count` keys."""
    key, values = key[values != 0], values[values != 0]
    order = np.lexsort((values, key))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (key[order[1:]] != key[order[:-1]]) | (values[order[1:]] != values[order[:-1]])
    return np.bincount(key[order[is_new]], minlength=count)


def _both(keys: Numbers, ids: Numbers) -> Numbers:
    """One key for two."""
    mixed: Numbers = (keys ^ (keys >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) ^ ids
    return mixed


def _length(length: Numbers, rows: Numbers) -> Numbers:
    found: Numbers = np.where(rows >= 0, length[rows], -1)
    return found
