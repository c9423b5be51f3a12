"""Rows of no format whose columns leave open what is asked and what is answered."""

from __future__ import annotations

from fine_tuning.data_io.formats import question_answer
from fine_tuning.data_io.json_values import Row, is_object, parse_embedded_json

_RENAME = "rename the one that is asked to prompt, and the one that answers it to response"
_OPEN = (("source", "target"), ("input", "label"), ("text", "label"), ("sentence1", "sentence2"))


def reason(row: Row) -> str | None:
    """What is open, and what to do; None for another row."""
    translation = parse_embedded_json(row.get("translation"))
    if is_object(translation) and len(translation) > 1:
        named = " and ".join(list(translation)[:2])
        return f"translation holds a text in {named}, and not which is translated; write them as prompt and response"
    questions, answers = question_answer.may_be(row)
    if questions and answers:
        several, side = (questions, "question") if len(questions) > 1 else (answers, "answer")
        return f"it is open which of {' and '.join(several)} is the {side}; {_RENAME}, and put the others into metadata"
    found = next((pair for pair in _OPEN if all(isinstance(row.get(key), str) for key in pair)), None)
    if found is not None:
        return f"{' and '.join(found)} may be a question and its answer, or facts; {_RENAME}"
    return None
