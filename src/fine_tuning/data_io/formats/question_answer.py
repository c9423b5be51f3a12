"""Rows of a question and its answer, under the column names in common use; also Dolly's and OpenOrca's.

Sources: https://huggingface.co/datasets/databricks/databricks-dolly-15k,
https://huggingface.co/datasets/Open-Orca/OpenOrca
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.json_values import Row, text_field
from fine_tuning.data_io.messages import prompt_and_response_messages

NAME = "question-answer"
_ASKED = ("question", "query", "instruction", "input", "Question", "Query", "Instruction", "Input", "Q", "q")
_ANSWERED = ("answer", "response", "output", "completion", "Answer", "Response", "Output", "A", "a")
_CONTEXT = ("context", "Context")
_IDS = ("id",)


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _keys(row) is not None


def _keys(row: Row) -> tuple[str, str] | None:
    """The columns of question and answer; None without both, or where it is open which they are."""
    asked = [key for key in _ASKED if isinstance(row.get(key), str)]
    answered = [key for key in _ANSWERED if isinstance(row.get(key), str)]
    return (asked[0], answered[0]) if len(asked) == 1 and len(answered) == 1 else None


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; its context stands after the question, as in Alpaca's rows.

    Raises:
        DataError: it is malformed.
    """
    asked, answered = _keys(row) or _ASKED[:1] + _ANSWERED[:1]
    context = next((key for key in _CONTEXT if row.get(key)), None)
    texts = [text_field(row, asked), *([] if context is None else [text_field(row, context)])]
    messages = prompt_and_response_messages("\n\n".join(texts), text_field(row, answered))
    yield call_from_row(row, (asked, answered, *_CONTEXT, *_IDS), messages)
