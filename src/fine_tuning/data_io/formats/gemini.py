"""Training rows of Gemini and Vertex AI: contents with roles and parts, and the system instruction.

Rows for preference tuning have two completions, of score 1 and 0.

Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare,
https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-preference-tuning-prepare
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_answer, with_plain_texts
from fine_tuning.data_io.formats.vendor_request import read_conversation
from fine_tuning.data_io.json_values import Row, as_number, is_list, list_of_objects, parse_embedded_json
from fine_tuning.data_io.messages import Message
from fine_tuning.errors import DataError

NAME = "gemini"
_OPTIONS = {"generationConfig", "safetySettings"}
_PAIR = "completions"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return is_list(parse_embedded_json(row.get("contents")))


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    found = read_conversation(row)
    beside = {key: value for key, value in row.items() if key not in found.read | _OPTIONS | {_PAIR}}
    if row.get(_PAIR) is None:
        yield call_from_row(beside, (), found.messages, found.tools)
        return
    chosen, rejected = _pair(row[_PAIR])
    yield call_from_row(beside, (), [*found.messages, *chosen], found.tools, rejected)


def _pair(given: object) -> tuple[list[Message], list[Message]]:
    """The preferred answer and the other one."""
    answers = list_of_objects(parse_embedded_json(given), _PAIR)
    scored = {as_number(each.get("score")): each.get("completion") for each in answers}
    if len(answers) != len(scored) or scored.keys() != {0, 1}:
        raise DataError(f"{_PAIR} must be two answers, one of score 1 and one of score 0")
    chosen, rejected = (with_plain_texts(read_answer(scored[score], f"{_PAIR} of score {score}")) for score in (1, 0))
    if chosen == rejected:
        raise DataError("both answers are the same")
    return chosen, rejected
