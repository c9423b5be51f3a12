"""States that are the same but for what was sent around a question: the passages of an answer from documents.

Such a log has the passages in the question of each turn only; the turns before are sent without them. Two states are
the same if they have equal messages before the last question, equal answers, and one's question in the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from fine_tuning.data_io.equal_answers import normal_form
from fine_tuning.datasets import turns
from fine_tuning.datasets.spool import Numbers

MAX_ALIKE = 30  # states with one answer; one that more have says nothing of its chat
MIN_BYTES = 12  # of a bare question; a shorter one is found in any text
Places = Sequence[tuple[int, int]]


class RowStates(NamedTuple):
    """States that rows have, a place in each array for each; see `turns.States`.

    Attributes:
        row: the position of the row.
        key: the hash of the state.
        unasked: the hash of the state without its last question.
    """

    row: Numbers
    key: Numbers
    unasked: Numbers


def earlier(row: Numbers, starts: Numbers) -> RowStates:
    """The states after which rows go on, of all that `turns.States.starts` has of them."""
    is_answer = starts[:, 2] != 0
    return RowStates(row[is_answer], starts[is_answer, 0], starts[is_answer, 2])


def same_states(
    whole: RowStates, earlier: RowStates, questions_of: Callable[[Places], dict[int, str]]
) -> tuple[Numbers, Numbers]:
    """Rows, and for each a state of another row that is the same as one of its own.

    Args:
        whole, earlier: the states at which rows end, and after which they go on; one of two that are the same is among
            these.
        questions_of: the last question of states, by their hashes; of pairs of a row and one of its states.
    """
    known = np.unique(earlier.unasked)
    states = RowStates(
        *(np.concatenate(each) for each in zip(earlier, _only(whole, np.isin(whole.unasked, known)), strict=True))
    )
    states = _only(states, np.unique(states.key, return_index=True)[1])
    groups, sizes = np.unique(states.unasked, return_counts=True)
    states = _only(states, np.isin(states.unasked, groups[(sizes > 1) & (sizes <= MAX_ALIKE)]))
    row_of = dict(zip(states.key.tolist(), states.row.tolist(), strict=True))
    is_earlier = dict(zip(states.key.tolist(), np.isin(states.key, earlier.key).tolist(), strict=True))
    found: list[tuple[int, int]] = []
    for bare, longer in _contained(states, questions_of([(row, key) for key, row in row_of.items()])):
        if is_earlier[bare]:
            found.append((row_of[longer], bare))
        elif is_earlier[longer]:
            found.append((row_of[bare], longer))
    return np.array([row for row, _ in found], np.int64), np.array([key for _, key in found], np.uint64)


def question(messages: turns.Messages, state: int) -> str | None:
    """What was asked before the answer that ends a state of a chat, in one spelling; None for a state it has not."""
    place = next((at for at, each in turns.answered(messages) if each == state), None)
    if place is None:
        return None
    begin = place
    while begin and messages[begin - 1].get("role") != "assistant":
        begin -= 1
    return " ".join(normal_form(" ".join(turns.texts(turns.turns(messages[begin:place])))).split())


def _only(states: RowStates, is_chosen: Numbers) -> RowStates:
    return RowStates(*(column[is_chosen] for column in states))


def _contained(states: RowStates, questions: dict[int, str]) -> Iterator[tuple[int, int]]:
    """Pairs of states that are the same without their questions, of which the first one's is in the second one's."""
    order = np.argsort(states.unasked, kind="stable")
    for group in np.split(states.key[order], np.flatnonzero(np.diff(states.unasked[order])) + 1):
        texts = sorted((len(questions[key]), key) for key in group.tolist() if key in questions)
        for (_, bare), (_, longer) in combinations(texts, 2):
            if len(questions[bare].encode()) >= MIN_BYTES and questions[bare] in questions[longer]:
                yield bare, longer
