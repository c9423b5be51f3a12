"""Multi graders: one reward from those of several graders, by a formula; and all graders as one type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from fine_tuning.evaluation.graders import formula
from fine_tuning.evaluation.graders.base_grader import BaseGrader
from fine_tuning.evaluation.graders.grading import GradingFailed, Means, Outcome, Problem, Row
from fine_tuning.evaluation.graders.model_graders import LabelModel, ScoreModel
from fine_tuning.evaluation.graders.python_grader import PythonGrader
from fine_tuning.evaluation.graders.string_check import StringCheck
from fine_tuning.evaluation.graders.text_similarity import TextSimilarity
from fine_tuning.serving.chat_types import Usage, summed

MAX_GRADERS = 32
# Tags begin with a capital, as names of classes do, so that no error takes them for fields.
_TAGS = {
    "string_check": "StringCheck",
    "text_similarity": "TextSimilarity",
    "score_model": "ScoreModel",
    "label_model": "LabelModel",
    "python": "PythonGrader",
}


def _type_of(value: object) -> object:
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


def _tag(value: object) -> str | None:
    found = _type_of(value)
    return _TAGS.get(found) if isinstance(found, str) else None


def _tag_with_multi(value: object) -> str | None:
    return "MultiGrader" if _type_of(value) == "multi" else _tag(value)


def _one_or_named(value: object) -> str:
    return "One" if isinstance(_type_of(value), str) else "Named"


def _known(value: object) -> object:
    if _tag(value) is None:
        raise ValueError(f"a grader in a multi grader must have a type of {', '.join(_TAGS)}")
    return value


def _known_or_multi(value: object) -> object:
    if _tag_with_multi(value) is None:
        raise ValueError(f"a grader must have a type of {', '.join(_TAGS)}, multi")
    return value


_Tagged: TypeAlias = (
    Annotated[StringCheck, Tag("StringCheck")]
    | Annotated[TextSimilarity, Tag("TextSimilarity")]
    | Annotated[ScoreModel, Tag("ScoreModel")]
    | Annotated[LabelModel, Tag("LabelModel")]
    | Annotated[PythonGrader, Tag("PythonGrader")]
)
SingleGrader = Annotated[_Tagged, Discriminator(_tag), BeforeValidator(_known)]
NamedGraders = Annotated[dict[str, SingleGrader], Field(min_length=1, max_length=MAX_GRADERS)]


def _by_name(graders: SingleGrader | dict[str, SingleGrader]) -> Mapping[str, SingleGrader]:
    return graders if isinstance(graders, dict) else {graders.name: graders}


class MultiGrader(BaseGrader):
    """The value of `calculate_output`, a formula over the rewards of `graders` by their names.

    `graders` is one grader, by its own name, or an object of graders by names.
    """

    type: Literal["multi"]
    graders: Annotated[
        Annotated[SingleGrader, Tag("One")] | Annotated[NamedGraders, Tag("Named")], Discriminator(_one_or_named)
    ]
    calculate_output: str

    @field_validator("calculate_output")
    @classmethod
    def _is_formula(cls, value: str, others: ValidationInfo) -> str:
        names = formula.parse(value).names
        if (graders := others.data.get("graders")) is None:
            return value  # they are invalid themselves
        known = _by_name(graders)
        if unknown := names - known.keys():
            raise ValueError(f"the formula names {min(unknown)!r}, which is none of the graders {', '.join(known)}")
        return value

    @property
    def named(self) -> Mapping[str, SingleGrader]:
        """The graders by the names in the formula."""
        return _by_name(self.graders)

    def outcome(self, row: Row, means: Means) -> Outcome:
        """See `BaseGrader`."""
        found = {name: grader.grade(row, means).outcome for name, grader in self.named.items()}
        rewards = {name: each.reward for name, each in found.items() if each.reward is not None}
        problems = [
            Problem(problem.flag, f"{name}: {problem.details}", problem.kind)
            for name, each in found.items()
            for problem in each.problems
        ]
        reward = None
        if len(rewards) == len(found):
            try:
                reward = self._combined(rewards)
            except GradingFailed as error:
                problems.append(error.problem)
        return Outcome(reward, tuple(problems), usage=_sum(found.values()), sub_rewards=rewards)

    def _combined(self, rewards: Mapping[str, float]) -> float:
        try:
            value = formula.parse(self.calculate_output).value(rewards)
        except (ArithmeticError, ValueError) as error:
            value, reason = float("nan"), str(error)
        else:
            reason = f"it is {value}"
        if not isfinite(value):
            shown = ", ".join(f"{name}={reward:g}" for name, reward in rewards.items())
            raise GradingFailed("formula_parse_error", f"calculate_output has no value for {shown}: {reason}")
        return value


Grader = Annotated[
    _Tagged | Annotated[MultiGrader, Tag("MultiGrader")],
    Discriminator(_tag_with_multi),
    BeforeValidator(_known_or_multi),
]
"""Any grader, by its `type`."""


def _sum(outcomes: Iterable[Outcome]) -> dict[str, Usage]:
    """Tokens by judge."""
    found: dict[str, Usage] = {}
    for outcome in outcomes:
        for model, each in outcome.usage.items():
            found[model] = summed([found.get(model, {}), each])
    return found
