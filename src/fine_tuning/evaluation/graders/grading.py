"""What grading takes and gives: the row, the grade with its problems, and the judge that model graders ask."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Semaphore
from typing import Literal, Protocol, get_args

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.evaluation.graders.model_sample import ModelSample
from fine_tuning.serving.chat_types import ChatBody, Usage

Flag = Literal[
    "formula_parse_error",
    "invalid_variable_error",
    "model_grader_parse_error",
    "model_grader_refusal_error",
    "model_grader_server_error",
    "other_error",
    "python_grader_runtime_error",
    "python_grader_server_error",
    "sample_parse_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
]
FLAGS: tuple[Flag, ...] = get_args(Flag)


@dataclass(frozen=True)
class Row:
    """What is graded: an item of the data set, and a model's answer to it."""

    item: JsonObject
    sample: ModelSample


@dataclass(frozen=True)
class Problem:
    """Why there is no reward, by OpenAI's flag, with one line for people.

    Attributes:
        kind: a further identifier for programs, such as "timeout".
    """

    flag: Flag
    details: str
    kind: str | None = None


class GradingFailed(Exception):  # noqa: N818 - no error of the call: a grade without a reward
    """Raised inside a grader; `BaseGrader.grade` returns it as a grade's problem."""

    def __init__(self, flag: Flag, details: str, kind: str | None = None) -> None:
        super().__init__(details)
        self.problem = Problem(flag, details, kind)


@dataclass(frozen=True)
class Outcome:
    """What a grader finds.

    Attributes:
        reward: None where it is unknown, for the reasons in `problems`.
        scores: details of the reward, such as a judge's reason.
        model: the judge that answered.
        usage: tokens by judge.
        sub_rewards: of the graders that a multi grader combines; those that are known.
    """

    reward: float | None
    problems: tuple[Problem, ...] = ()
    scores: Mapping[str, object] = field(default_factory=dict)
    model: str | None = None
    usage: Mapping[str, Usage] = field(default_factory=dict)
    sub_rewards: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Grade:
    """The outcome of one grader for one row, and the seconds it took."""

    name: str
    type: str
    outcome: Outcome
    seconds: float


@dataclass(frozen=True)
class JudgeReply:
    """A judge's answer; `model` is the name of what answered."""

    text: str
    finish_reason: str | None
    usage: Usage
    model: str


class Judge(Protocol):
    """Asks a model by its name."""

    def __call__(self, model: str, body: ChatBody) -> JudgeReply:
        """Answer one request.

        Raises:
            FineTuningError: the model is unknown, refuses or fails.
        """
        ...


@dataclass(frozen=True)
class PythonLimits:
    """Limits of a python grader's process.

    Attributes:
        seconds: of wall-clock time and of processor time, each.
        memory_mib: of address space.
        places: processes that run at once, by default one for each core; others wait for a place.
        wait_seconds: for a place.
    """

    seconds: int = 20
    memory_mib: int = 1024
    places: Semaphore = field(default_factory=lambda: Semaphore(os.cpu_count() or 1))
    wait_seconds: float = 120.0


@dataclass(frozen=True)
class Means:
    """What graders may use.

    Attributes:
        judge: for model graders.
        python: limits of python graders; None where they are off.
    """

    judge: Judge
    python: PythonLimits | None = None
