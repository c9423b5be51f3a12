"""OpenAI's objects for grades, made of those of `evaluation.graders`."""

from __future__ import annotations

from collections.abc import Sequence

from openai.types import CompletionUsage
from openai.types.graders import (
    LabelModelGrader,
    MultiGrader,
    PythonGrader,
    ScoreModelGrader,
    StringCheckGrader,
    TextSimilarityGrader,
)
from pydantic import BaseModel

from fine_tuning.evaluation.graders.grading import FLAGS, Grade, Outcome, Problem


class GradeErrors(BaseModel):
    """OpenAI's flags and details, and `details`: every problem in words, which OpenAI has for some flags only."""

    formula_parse_error: bool
    invalid_variable_error: bool
    model_grader_parse_error: bool
    model_grader_refusal_error: bool
    model_grader_server_error: bool
    model_grader_server_error_details: str | None
    other_error: bool
    python_grader_runtime_error: bool
    python_grader_runtime_error_details: str | None
    python_grader_server_error: bool
    python_grader_server_error_type: str | None
    sample_parse_error: bool
    truncated_observation_error: bool
    unresponsive_reward_error: bool
    details: str | None


class GradeMetadata(BaseModel):
    """What a grade was made with: seconds, tokens, the judge, and details of its scores."""

    name: str
    type: str
    errors: GradeErrors
    execution_time: float
    scores: dict[str, object]
    token_usage: int | None
    sampled_model_name: str | None


class GraderRun(BaseModel):
    """A grade; `reward` is 0 where `metadata.errors` says why there is none, since the API has no other number."""

    reward: float
    metadata: GradeMetadata
    sub_rewards: dict[str, float]
    model_grader_token_usage_per_model: dict[str, CompletionUsage]


class ValidatedGrader(BaseModel):
    """A valid grader."""

    grader: StringCheckGrader | TextSimilarityGrader | PythonGrader | ScoreModelGrader | LabelModelGrader | MultiGrader


def run_of(grade: Grade) -> dict[str, object]:
    """The object `GraderRun`."""
    outcome = grade.outcome
    return {
        "reward": 0.0 if outcome.reward is None else outcome.reward,
        "metadata": {
            "name": grade.name,
            "type": grade.type,
            "errors": _errors(outcome),
            "execution_time": grade.seconds,
            "scores": dict(outcome.scores),
            "token_usage": sum(each["total_tokens"] for each in outcome.usage.values()) if outcome.usage else None,
            "sampled_model_name": outcome.model,
        },
        "sub_rewards": dict(outcome.sub_rewards),
        "model_grader_token_usage_per_model": dict(outcome.usage),
    }


def _errors(outcome: Outcome) -> dict[str, object]:
    raised = {problem.flag for problem in outcome.problems}
    flags: dict[str, object] = {flag: flag in raised for flag in FLAGS}
    return {
        **flags,
        "model_grader_server_error_details": _details(outcome, "model_grader_server_error"),
        "python_grader_runtime_error_details": _details(outcome, "python_grader_runtime_error"),
        "python_grader_server_error_type": next(
            (each.kind for each in outcome.problems if each.flag == "python_grader_server_error"), None
        ),
        "details": _in_words(outcome.problems),
    }


def _details(outcome: Outcome, flag: str) -> str | None:
    return _in_words([each for each in outcome.problems if each.flag == flag])


def _in_words(problems: Sequence[Problem]) -> str | None:
    return "; ".join(each.details for each in problems) or None
