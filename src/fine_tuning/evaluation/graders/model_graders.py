"""Graders that ask a model: for a score in a range, or for one of several labels.

The judge answers in JSON of a schema, a reason first: a judge that reasons before it scores agrees better with people
(Zheng et al., "Judging LLM-as-a-judge with MT-Bench and Chatbot Arena", NeurIPS 2023).
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from fine_tuning._util.sound_model import SoundModel
from fine_tuning.data_io.json_values import JsonObject, is_object
from fine_tuning.errors import FineTuningError
from fine_tuning.evaluation.graders.base_grader import BaseGrader, Name
from fine_tuning.evaluation.graders.grader_input import InputMessage, prompt
from fine_tuning.evaluation.graders.grading import Flag, JudgeReply, Means, Outcome, Problem, Row
from fine_tuning.evaluation.graders.model_sample import strict_json
from fine_tuning.serving.chat_types import ChatBody, Messages

MAX_REPLY_TOKENS = 512
MAX_REASON_CHARACTERS = 300
Input = Annotated[list[InputMessage], Field(min_length=1)]
_PARSE_ERROR: Flag = "model_grader_parse_error"


class SamplingParams(SoundModel):
    """How the judge answers: greedily, unless a temperature is given, so that a row has one grade."""

    model_config = ConfigDict(frozen=True)

    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_completions_tokens: int | None = Field(default=None, ge=1)
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = (
        None  # changes nothing
    )


class ScoreModel(BaseGrader):
    """The score that a model gives, in `range` (0 to 1 by default)."""

    type: Literal["score_model"]
    model: Name
    input: Input
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    sampling_params: SamplingParams | None = None

    @field_validator("range")
    @classmethod
    def _is_range(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and not (all(map(isfinite, value)) and value[0] < value[1]):
            raise ValueError(f"expected two numbers, the lower one first, not {value}")
        return value

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest score."""
        low, high = self.range or (0.0, 1.0)
        return low, high

    def outcome(self, row: Row, means: Means) -> Outcome:
        """See `BaseGrader`."""
        low, high = self.bounds
        task = f'Reply with JSON: "reason", one sentence, and "result", a score from {low:g} to {high:g}.'
        result: JsonObject = {"type": "number", "minimum": low, "maximum": high}
        sampling = self.sampling_params or SamplingParams()
        found = _judged(means, self.model, _body(prompt(self.input, row, task), "result", result, sampling))
        if isinstance(found, Outcome):
            return found
        reply, answer = found
        score = answer.get("result")
        if isinstance(score, bool) or not isinstance(score, int | float) or not low <= score <= high:
            return _failed(
                reply, _PARSE_ERROR, f"the judge's result is {score!r:.80}, not a score from {low:g} to {high:g}"
            )
        return _graded(reply, answer, float(score))


class LabelModel(BaseGrader):
    """1 or 0: whether the label that a model chooses is among `passing_labels`."""

    type: Literal["label_model"]
    model: Name
    input: Input
    labels: Annotated[list[Name], Field(min_length=1)]
    passing_labels: Annotated[list[Name], Field(min_length=1)]

    @field_validator("passing_labels")
    @classmethod
    def _are_labels(cls, value: list[str], others: ValidationInfo) -> list[str]:
        labels = others.data.get("labels", value)  # missing where they are invalid themselves
        if unknown := [label for label in value if label not in labels]:
            raise ValueError(f"passing labels must be among the labels; {unknown[0]!r} is not")
        return value

    def outcome(self, row: Row, means: Means) -> Outcome:
        """See `BaseGrader`."""
        labels = ", ".join(json.dumps(label, ensure_ascii=False) for label in self.labels)
        task = f'Reply with JSON: "reason", one sentence, and "label", one of {labels}.'
        label: JsonObject = {"type": "string", "enum": list(dict.fromkeys(self.labels))}
        found = _judged(means, self.model, _body(prompt(self.input, row, task), "label", label, SamplingParams()))
        if isinstance(found, Outcome):
            return found
        reply, answer = found
        if answer.get("label") not in self.labels:
            return _failed(reply, _PARSE_ERROR, f"the judge's label is {answer.get('label')!r:.80}, none of {labels}")
        return _graded(reply, answer, float(answer["label"] in self.passing_labels))


def _body(messages: Messages, field: str, schema: JsonObject, sampling: SamplingParams) -> ChatBody:
    reason: JsonObject = {"type": "string", "maxLength": MAX_REASON_CHARACTERS}
    form: JsonObject = {
        "type": "object",
        "properties": {"reason": reason, field: schema},
        "required": ["reason", field],
        "additionalProperties": False,
    }
    body: ChatBody = {
        "messages": messages,
        "temperature": sampling.temperature or 0.0,
        "max_tokens": sampling.max_completions_tokens or MAX_REPLY_TOKENS,
        "response_format": {"type": "json_schema", "json_schema": {"name": "grade", "schema": form, "strict": True}},
    }
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    return body


def _judged(means: Means, model: str, body: ChatBody) -> Outcome | tuple[JudgeReply, JsonObject]:
    """The judge's reply and the JSON object in it, or the outcome of a reply without one."""
    try:
        reply = means.judge(model, body)
    except FineTuningError as error:
        return Outcome(None, (Problem("model_grader_server_error", str(error)),), model=model)
    if reply.finish_reason == "content_filter":
        return _failed(reply, "model_grader_refusal_error", "the judge refused to answer")
    if reply.finish_reason == "length":
        limit = f"{body['max_tokens']} tokens (sampling_params.max_completions_tokens)"
        return _failed(reply, _PARSE_ERROR, f"the judge's reply was cut off at {limit}")
    answer = strict_json(reply.text)
    if not is_object(answer):
        return _failed(reply, _PARSE_ERROR, "the judge's reply is no JSON object")
    return reply, answer


def _graded(reply: JudgeReply, answer: JsonObject, reward: float) -> Outcome:
    return Outcome(reward, scores=answer, model=reply.model, usage={reply.model: reply.usage})


def _failed(reply: JudgeReply, flag: Flag, details: str) -> Outcome:
    return Outcome(None, (Problem(flag, details),), model=reply.model, usage={reply.model: reply.usage})
