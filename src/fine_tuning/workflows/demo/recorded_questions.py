"""Recorded calls as the questions of an application."""

from __future__ import annotations

from pathlib import Path

from fine_tuning.data_io import sources
from fine_tuning.distillation.import_report import Defaults
from fine_tuning.distillation.row_reader import Import
from fine_tuning.errors import DataError
from fine_tuning.store.examples import CURATED_RATING
from fine_tuning.workflows.demo.application import Question
from fine_tuning.workflows.demo.run_demo import calls_file

_ROLES = ["system", "user", "assistant"]
MIN_QUESTIONS = 200  # of fewer no verdict comes


def recorded_questions(data: Path | None) -> list[Question]:
    """The well-rated calls of a file with a system prompt, a question and its answer, each question once.

    Args:
        data: by default the packaged support inbox.

    Raises:
        NotFoundError, DataError: the file cannot be read, or has too few.
    """
    found: dict[str, Question] = {}
    with calls_file(data) as path:
        for call in Import(Defaults(), sources.read(str(path))).all_calls():
            record = call.better
            turns = record["messages"] or []
            if record["rating"] >= CURATED_RATING and [each["role"] for each in turns] == _ROLES:
                question = Question(str(turns[0]["content"]), record["prompt"], record["response"])
                found.setdefault(question.text, question)
    if len(found) < MIN_QUESTIONS:
        raise DataError(
            f"{len(found)} well-rated calls with a system prompt, a question and an answer; "
            f"the demo of the gateway needs {MIN_QUESTIONS}"
        )
    return list(found.values())
