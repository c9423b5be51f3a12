"""What every grader has: a name, a type, and a grade for a row."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fine_tuning.evaluation.graders.grading import Grade, GradingFailed, Means, Outcome, Row

Name = Annotated[str, Field(min_length=1, max_length=200)]


class BaseGrader(BaseModel):
    """A grader. Its fields are OpenAI's; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name
    type: str

    def grade(self, row: Row, means: Means) -> Grade:
        """Grade a row. What prevents a reward is a problem of the grade, not an error."""
        start = time.perf_counter()
        try:
            outcome = self.outcome(row, means)
        except GradingFailed as error:
            outcome = Outcome(None, (error.problem,))
        return Grade(self.name, self.type, outcome, time.perf_counter() - start)

    @abstractmethod
    def outcome(self, row: Row, means: Means) -> Outcome:
        """The reward of a row.

        Raises:
            GradingFailed: there is none.
            MissingDependencyError: a library is not installed.
        """
