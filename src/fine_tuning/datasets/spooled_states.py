"""States of the rows of a spool; see `turns.States`."""

from __future__ import annotations

import numpy as np

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import Call, row_text
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.datasets import bare_questions, turns
from fine_tuning.datasets.spool import Numbers, Spool
from fine_tuning.errors import DataError

Columns = tuple[Numbers, Numbers, Numbers]  # row, state and neighbouring message
_NOTHING = (np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.uint64))


def pairs(spool: Spool, name: str, is_chosen: Numbers, keys: Numbers | None) -> Columns:
    """Row, state and neighbouring message of the chosen rows; of those states only, if any are named."""
    found = [_NOTHING]
    for row, values in spool.hashes(name):
        here = is_chosen[row] & (is_in(values[:, 0], keys) if keys is not None else True)
        found.append((row[here], values[here, 0], values[here, 1]))
    row, key, other = (np.concatenate(column) for column in zip(*found, strict=True))
    return row, key, other


def earlier(spool: Spool, is_chosen: Numbers) -> bare_questions.RowStates:
    """The states after which the chosen rows go on."""
    found = [bare_questions.RowStates(*_NOTHING)]
    for row, values in spool.hashes("starts"):
        here = is_chosen[row]
        found.append(bare_questions.earlier(row[here], values[here]))
    return bare_questions.RowStates(*(np.concatenate(column) for column in zip(*found, strict=True)))


def questions(spool: Spool, places: bare_questions.Places) -> dict[int, str]:
    """The last question of each state, read from the text of its row."""
    states: dict[int, list[int]] = {}
    for row, key in places:
        states.setdefault(row, []).append(key)
    found: dict[int, str] = {}
    for texts in spool.picked("text", list(states)) if states else ():
        for row, text in texts.items():
            messages = _messages(text)
            found |= {
                key: question for key in states[row] if (question := bare_questions.question(messages, key)) is not None
            }
    return found


def _messages(text: str) -> turns.Messages:
    """The messages of a row; none of one that its format cannot read back."""
    row = row_text.parse(text.encode())
    if isinstance(row, Finding):
        return []
    try:
        call = next(iter(formats.read(row)[1]), None)
    except DataError:
        return []
    return call.messages if isinstance(call, Call) else []


def is_in(values: Numbers, known: Numbers) -> Numbers:
    """Whether each value is among the sorted ones."""
    if not len(known):
        return np.zeros(len(values), bool)
    found: Numbers = known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values
    return found
