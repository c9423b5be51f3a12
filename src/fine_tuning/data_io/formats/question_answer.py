"""Rows of a question and its answer, under the column names in common use; also Dolly's and OpenOrca's.

Sources: https://huggingface.co/datasets/databricks/databricks-dolly-15k,
https://huggingface.co/datasets/Open-Orca/OpenOrca
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fine_tuning.data_io.blank_text import is_placeholder
from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.context_columns import contexts, refuse_choices
from fine_tuning.data_io.dialects.messages_in_text import Side, exchange_in_texts
from fine_tuning.data_io.formats.second_answers import TARGETS, refuse_second
from fine_tuning.data_io.json_values import Row, scalar_text, text_or_scalar

NAME = "question-answer"
_PROMPTS = (
    "prompt",
    "question",
    "query",
    "instruction",
    "input",
    "Question",
    "Query",
    "Instruction",
    "Input",
    "Q",
    "q",
)
_ANSWERS = ("answer", "response", "output", "completion", "Answer", "Response", "Output", "A", "a")
_IDS = ("id",)
_WITH_MORE = {"instruction": "input", "Instruction": "Input"}
_PAIRS = (  # of names that say more together than each alone; other spellings of case are read, too
    *(("inputs", "targets"), ("input_text", "target_text"), ("input_text", "output_text")),  # FLAN, P3, T5
    *(("src", "tgt"), ("source_text", "target_text"), ("human", "assistant"), ("user", "assistant"), ("human", "bot")),
    *(("problem", "solution"), ("question", "solution"), ("problem", "answer")),
    *(("dialogue", "summary"), ("document", "summary"), ("article", "summary"), ("text", "summary")),
    *(("article", "highlights"),),
)


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _keys(row) is not None


def _keys(row: Row) -> tuple[str, str] | None:
    """The columns of question and answer; None without both, or where it is open which they are."""
    questions, answers = _stated(row, _PROMPTS), _stated(row, _ANSWERS)
    if len(questions) == 2 and _WITH_MORE.get(questions[0]) == questions[1]:
        questions = questions[:1]
    return (questions[0], answers[0]) if len(questions) == 1 and len(answers) == 1 else _pair(row, questions, answers)


def _pair(row: Row, questions: Sequence[str], answers: Sequence[str]) -> tuple[str, str] | None:
    """The only pair of columns that belong together; None without one, or with another question or answer beside it.

    A short answer, as sets of mathematical problems have, may stand in a solution that gives it, too.
    """
    found = [pair for pair in _PAIRS if all(isinstance(row.get(key), str) for key in pair)]
    whole = [pair for pair in found if pair[1] not in answers] or found
    if len(whole) != 1 or not {*questions} <= {whole[0][0]}:
        return None
    answer = str(row[whole[0][1]])
    return whole[0] if all(key == whole[0][1] or str(row[key]) in answer for key in answers) else None


def may_be(row: Row) -> tuple[list[str], list[str]]:
    """The columns of text that may be the question of a row, and those that may be its answer."""
    asks, answers = (
        dict.fromkeys((*names, *(pair[at] for pair in _PAIRS))) for at, names in enumerate((_PROMPTS, _ANSWERS))
    )
    return [key for key in asks if isinstance(row.get(key), str)], [
        key for key in answers if isinstance(row.get(key), str)
    ]


def _stated(row: Row, names: Sequence[str]) -> list[str]:
    """The columns of these that hold text; without any, those that hold a number or truth value."""
    found = [key for key in names if key in row]
    return [key for key in found if isinstance(row[key], str)] or [
        key for key in found if scalar_text(row[key]) is not None
    ]


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; its context stands after the question, as in Alpaca's rows.

    Raises:
        DataError: it is malformed.
    """
    question_key, answer_key = _keys(row) or _PROMPTS[:1] + _ANSWERS[:1]
    question, answer = text_or_scalar(row, question_key), text_or_scalar(row, answer_key)
    more = _WITH_MORE.get(question_key)
    read = [question_key, answer_key, *([more] if more is not None and row.get(more) not in (None, "") else ())]
    texts = [text for key in read[2:] if not is_placeholder(text := text_or_scalar(row, key))]
    asked_for = "\n\n".join([question, *texts])
    refuse_choices(row, asked_for)
    found = contexts(row, asked_for, answer, read)
    messages = exchange_in_texts(Side(question_key, question), Side(answer_key, answer), *texts, *found.values())
    refuse_second({key: row[key] for key in TARGETS if key in row and key != answer_key}, messages, TARGETS)
    yield call_from_row(row, (*read, *found, *_IDS), messages)
