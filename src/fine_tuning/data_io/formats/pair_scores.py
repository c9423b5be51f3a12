"""Scores of both answers of a pair, which may say that the rejected one is the better.

`score_chosen` and `score_rejected` as UltraFeedback has them, `chosen_rating` and `rejected_rating` as Argilla does. A
reward is not among them, as that of a model may differ from what people preferred.
"""

from __future__ import annotations

import re

from fine_tuning.data_io.json_values import Row, as_number
from fine_tuning.data_io.key_meanings import plain
from fine_tuning.errors import DataError

_SCORE = r"(?:(?:avg|average|mean|overall|human|user)?(?:score|rating))"
_OF_CHOSEN = re.compile(rf"{_SCORE}chosen(?:response|answer)?|chosen(?:response|answer)?{_SCORE}")


def refuse_reversed(row: Row) -> None:
    """Refuse a pair whose rejected answer has a higher score or rating than its chosen one.

    Raises:
        DataError: it has; the message names both fields.
    """
    names = {plain(key): key for key in row}
    for name in filter(_OF_CHOSEN.fullmatch, names):
        key, other = names[name], names.get(name.replace("chosen", "rejected"))
        if other is None:
            continue
        better, worse = as_number(row[key]), as_number(row[other])
        if better is not None and worse is not None and better < worse:
            raise DataError(
                f"{key} is {row[key]} and {other} is {row[other]}, so that the rejected answer is the better one; "
                "swap the answers, or leave the scores out if a lower one is better"
            )
