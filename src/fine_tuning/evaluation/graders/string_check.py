"""String check: whether a text equals or contains another."""

from __future__ import annotations

from typing import Literal

from fine_tuning.evaluation.graders.base_grader import BaseGrader
from fine_tuning.evaluation.graders.grading import Means, Outcome, Row
from fine_tuning.evaluation.graders.templates import Template, render


class StringCheck(BaseGrader):
    """1 or 0: the input is the reference (eq), is not (ne), or contains it (like; ilike whatever the case)."""

    type: Literal["string_check"]
    input: Template
    reference: Template
    operation: Literal["eq", "ne", "like", "ilike"]

    def outcome(self, row: Row, means: Means) -> Outcome:  # noqa: ARG002 - texts alone
        """See `BaseGrader`."""
        text, reference = render(self.input, row), render(self.reference, row)
        if self.operation == "like":
            return Outcome(float(reference in text))
        if self.operation == "ilike":
            return Outcome(float(reference.casefold() in text.casefold()))
        return Outcome(float((text == reference) == (self.operation == "eq")))
