"""Questions of a test file, with their references and, where the file holds them, predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from fine_tuning._util import checks
from fine_tuning.data_io.answers import compared
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.messages import Message, Tool, whole_text
from fine_tuning.data_io.rows import conversation_key, prompt_and_reference, read_rows, without_padding
from fine_tuning.datasets import conversations
from fine_tuning.errors import DataError, UsageError

Messages = Sequence[Message]
RATINGS = (1, 2, 3, 4, 5)
SLICE_FIELDS = ("domain", "task_type", "slice")  # of a row, by which results are grouped


class Prediction(NamedTuple):
    """A model's answer to one question, or the reason the call failed; None is unknown.

    Attributes:
        text: None where the call failed.
        latency_ms: milliseconds.
        cost: US dollars.
        served_by: the model and fingerprint that the host reported; None where unknown.
        answered_at: when it was answered, in an earlier run (ISO 8601); None in this run, and where that is unknown.
        is_cached: from an earlier run.
    """

    text: str | None
    error: str | None = None
    latency_ms: float | None = None
    cost: float | None = None
    served_by: str | None = None
    answered_at: str | None = None
    is_cached: bool = False


@dataclass(frozen=True)
class Question:
    """A question and its reference.

    Attributes:
        messages: the conversation up to the answer; empty where the file holds a prediction without a prompt.
        tools: that the model may call.
        prediction: of the file, where it holds one.
        human: the human score of that prediction, 0 to 1: a row's `human_rating` of 1 to 5.
        human_probability: with which the row was drawn for that score, above 0 to 1; None where all were drawn alike.
        cluster: the id of the conversation that the row belongs to, if it names one.
    """

    messages: Messages
    reference: str
    slices: Mapping[str, str] = field(default_factory=dict)
    prediction: Prediction | None = None
    human: float | None = None
    human_probability: float | None = None
    cluster: str | None = None
    tools: Sequence[Tool] = ()

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of the call beside the messages."""
        return {"tools": list(self.tools)} if self.tools else {}

    @property
    def text(self) -> str:
        """The question as text; a conversation with the role of each message."""
        texts = [_text(message) for message in self.messages]
        if len(texts) < 2:
            return "".join(texts)
        return "\n".join(f"{message.get('role')}: {text}" for message, text in zip(self.messages, texts, strict=True))


def _text(message: Message) -> str:
    content = message.get("content")
    if message.get("tool_calls"):
        return whole_text(message)
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def read_questions(path: Path) -> list[Question]:
    """Read a test file: chat, alpaca or prompt/response rows, or rows with prediction and reference.

    Raises:
        NotFoundError, DataError: the file is missing or a row cannot be used; the message names the line.
    """
    found = [question_of(row, f"{path}, row {number}") for number, row in without_padding(read_rows(path))]
    drawn = [each.human_probability is not None for each in found if each.human is not None]
    if any(drawn) and not all(drawn):
        raise DataError(f"{path}: {sum(drawn)} of {len(drawn)} rows with human_rating have human_probability; all must")
    return found


def clusters(questions: Sequence[Question]) -> list[str] | None:
    """The conversation of each question; None where no two share one.

    Questions without an id of it are of one conversation if they have the same words, or if the messages before
    them show it (see `datasets.conversations`).
    """
    chats = [
        [*question.messages, {"role": "assistant", "content": question.reference}] if question.messages else []
        for question in questions
    ]
    ids = [
        question.cluster if question.cluster or question.messages else f"row={number}"
        for number, question in enumerate(questions)
    ]
    groups = conversations.groups(cast("Sequence[Messages]", chats), ids)
    names: dict[int, str] = {}
    found = [names.setdefault(group, ids[at] or f"row={at}") for at, group in enumerate(groups)]
    return found if len(names) < len(found) else None


def question_of(row: JsonObject, where: str) -> Question:
    """The question of a row of a test file.

    Raises:
        DataError: it cannot be used; the message begins with `where`.
    """
    slices = {name: str(row[name]) for name in SLICE_FIELDS if row.get(name) is not None}
    if "prediction" in row:
        question = _with_prediction(row, where, slices)
    else:
        parsed = prompt_and_reference(row, where)
        question = Question(parsed.messages, parsed.reference, slices, tools=parsed.tools)
    return replace(question, cluster=conversation_key(row))


def _with_prediction(row: JsonObject, where: str, slices: Mapping[str, str]) -> Question:
    text, reference = compared(row["prediction"], row.get("reference"))
    failed = row.get("error")
    if not isinstance(text, str | None) or not isinstance(reference, str):
        raise DataError(f"{where}: prediction and reference must be text, or messages with tool calls")
    if failed:
        text = None
    prompt, rating = row.get("prompt"), row.get("human_rating")
    if rating is not None and (isinstance(rating, bool) or rating not in RATINGS):
        raise DataError(f"{where}: human_rating must be a number from 1 to 5, not {rating!r}")
    try:
        prediction = Prediction(
            text,
            str(failed or "no prediction") if text is None else None,
            checks.amount("latency_ms", row.get("latency_ms")),
            checks.amount("cost", row.get("cost")),
        )
    except UsageError as error:
        raise DataError(f"{where}: {error}") from None
    messages: list[Message] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else []
    human = None if rating is None else (rating - RATINGS[0]) / (RATINGS[-1] - RATINGS[0])
    return Question(messages, reference, slices, prediction, human, _probability(row, where))


def _probability(row: JsonObject, where: str) -> float | None:
    try:
        found = checks.rate("human_probability", row.get("human_probability"))
    except UsageError as error:
        raise DataError(f"{where}: {error}") from None
    if found == 0:
        raise DataError(f"{where}: human_probability must be above 0: a row that is never drawn has no human_rating")
    return found
