"""Rows of no format that compare answers to one question, as sets of human preferences do."""

from __future__ import annotations

import re

from fine_tuning.data_io.json_values import Row, is_list, is_object

_SIDE = re.compile(r"(.+?)(_?)([aA]|[bB]|[0-3])")  # conversation_a, human_ref_B, response_0, response1
_OTHER = {"a": "b", "A": "B", "0": "1", "1": "2"}
_SAYS = re.compile(
    r"(?:.*_)?(?:answer|response|completion|conversation|output|summary|ref|chat|messages)", re.IGNORECASE
)
_LISTS = ("completions", "answers", "responses", "summaries", "candidates", "generations")
_ADVICE = (
    "write a row for each pair, with prompt, chosen and rejected; or a row for each answer, with prompt, response and "
    "rating (1 to 5)"
)


def reason(row: Row) -> str | None:
    """What a row compares, and what to do; None for another row."""
    for key, value in row.items():
        side = _SIDE.fullmatch(key)
        other = side and f"{side[1]}{side[2]}{_OTHER.get(side[3])}"
        if side and other in row and value and _SAYS.fullmatch(side[1]):
            return f"{key} and {other} are answers to one question; {_ADVICE}"
    for key in _LISTS:
        given = row.get(key)
        if is_list(given) and len(given) > 1 and all(isinstance(each, str) or is_object(each) for each in given):
            return f"{key} holds {len(given)} answers to one question; {_ADVICE}"
    return None
