"""Rows of SQuAD and sets in its shape: a question, its context, and answers that are texts in the context.

Source: https://huggingface.co/datasets/rajpurkar/squad_v2
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.formats import question_answer
from fine_tuning.data_io.json_values import Row, is_list, is_object, parse_embedded_json
from fine_tuning.errors import DataError

NAME = "squad"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "answers" in row and isinstance(row.get("question"), str) and _texts(row["answers"]) is not None


def _texts(given: object) -> list[object] | None:
    """The texts of the answers, which a table has as an object of lists, and others as a list of objects."""
    answers = parse_embedded_json(given)
    texts = answers.get("text") if is_object(answers) else None
    if is_list(texts):
        return texts
    if is_list(answers) and all(is_object(each) and "answer_start" in each and "text" in each for each in answers):
        return [each["text"] for each in answers if is_object(each)]
    return None


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; of answers by several people, the first one.

    Raises:
        DataError: it is malformed, or the context has no answer.
    """
    found = [each for each in _texts(row["answers"]) or () if each]
    if not found:
        raise DataError(
            "answers holds no answer, as where the context does not say it; write what the model should say as answer"
        )
    if any(each != found[0] for each in found):
        unread_keys.note({"other answers": True}, (), "question")
    others = {key: value for key, value in row.items() if key not in {"answers", "is_impossible", "answer"}}
    yield from question_answer.calls({**others, "answer": found[0]})
