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
from functools import partial
from typing import NamedTuple

import numpy as np

from fine_tuning.datasets import bare_questions, near_duplicates, spooled_states, turns
from fine_tuning.datasets.bare_questions import RowStates
from fine_tuning.datasets.spool import Numbers, Spool, numbers_of
from fine_tuning.datasets.spooled_states import Columns, is_in

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


def links(spool: Spool, rows: Numbers) -> Numbers:
    """Pairs of positions of rows that are of one conversation; conversations are their connected components."""
    is_chosen = np.zeros(len(spool), bool)
    is_chosen[rows] = True
    starts = spooled_states.pairs(spool, "starts", is_chosen, None)
    whole = spool.numbers["whole"][rows]
    # What a chat ends with is shared with those that go on from it, and with a log of those last messages alone.
    ends = spooled_states.pairs(spool, "ends", is_chosen, np.unique(np.concatenate([starts[1], whole[whole != 0]])))
    is_known = is_in(whole, np.unique(np.concatenate([starts[1], ends[1]])))
    last_states = RowStates(rows, whole, spool.numbers["unasked"][rows])
    earlier = spooled_states.earlier(spool, is_chosen)
    same = bare_questions.same_states(last_states, earlier, partial(spooled_states.questions, spool))
    states = _joined(starts, (rows[is_known], whole[is_known]), same, ends)
    return _linked(states, spool.numbers["conversation"])


def groups(chats: Sequence[turns.Messages], ids: Sequence[str | None]) -> list[int]:
    """The conversation of each chat, numbered from 0; chats without ids that ask one question are of one, too.

    Args:
        chats: messages, the answer included.
        ids: of the conversation; None where it is unknown.
    """
    questions: dict[str, int] = {}
    pairs = [np.empty((0, 2), np.int64)]
    for row, messages in enumerate(chats):
        question = ids[row] if ids[row] is not None else _question(messages[:-1]) if messages else f"{row}"
        pairs.append(np.array([[questions.setdefault(f"{ids[row] is None} {question}", row), row]]))
    named = np.array([0 if name is None else turns.hash_of(name) for name in ids], np.uint64)
    states = _states_of(chats)
    # A state that no other chat goes on from, or is, links nothing: many chats end in the same way.
    is_linking = np.isin(states.key, states.key[states.before == 0])
    linked = _linked(States(*(column[is_linking] for column in states)), named)
    return [int(each) for each in near_duplicates.components(len(chats), np.concatenate([*pairs, linked]))]


def _states_of(chats: Sequence[turns.Messages]) -> States:
    """All states of chats."""
    found = [turns.states(messages) for messages in chats]
    start_row, starts = numbers_of([each.starts for each in found], "starts")
    end_row, ends = numbers_of([each.ends for each in found], "ends")
    whole, unasked = (np.array(each, np.uint64) for each in ([x.whole for x in found], [x.unasked for x in found]))
    row = np.flatnonzero(whole)
    earlier = bare_questions.earlier(start_row, starts)
    same = bare_questions.same_states(RowStates(row, whole[row], unasked[row]), earlier, partial(_questions, chats))
    of_starts, of_ends = ((at, values[:, 0], values[:, 1]) for at, values in ((start_row, starts), (end_row, ends)))
    return _joined(of_starts, (row, whole[row]), same, of_ends)


def _questions(chats: Sequence[turns.Messages], places: bare_questions.Places) -> dict[int, str]:
    """The last question of each state."""
    return {key: text for row, key in places if (text := bare_questions.question(chats[row], key)) is not None}


def _joined(starts: Columns, whole: tuple[Numbers, Numbers], same: tuple[Numbers, Numbers], ends: Columns) -> States:
    """States with the message after them, whole ones, those that are the same as a row's, and those after a message."""
    none = np.zeros(len(whole[0]) + len(same[0]), np.uint64)
    return States(
        np.concatenate([starts[0], whole[0], same[0], ends[0]]),
        np.concatenate([starts[1], whole[1], same[1], ends[1]]),
        np.concatenate([starts[2], none, np.zeros_like(ends[2])]),
        np.concatenate([np.zeros_like(starts[2]), none, ends[2]]),
    )


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


def _different(key: Numbers, values: Numbers, count: int) -> Numbers:
    """The number of different values, but for 0, of each of `count` keys."""
    key, values = key[values != 0], values[values != 0]
    order = np.lexsort((values, key))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (key[order[1:]] != key[order[:-1]]) | (values[order[1:]] != values[order[:-1]])
    return np.bincount(key[order[is_new]], minlength=count)
