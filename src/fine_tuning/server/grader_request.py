"""The parameters of grader requests; each field says whether it is supported, ignored or refused."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.evaluation.graders.model_graders import LabelModel, ScoreModel
from fine_tuning.evaluation.graders.multi_grader import Grader, MultiGrader, SingleGrader
from fine_tuning.server.request_model import RequestModel, supported

TYPES = "string_check, text_similarity, score_model, label_model, python (by --python-graders) or multi"


class ValidateGrader(RequestModel):
    """A grader to check."""

    grader: Grader = Field(json_schema_extra={"why": TYPES})

    def placed(self) -> Iterator[tuple[str, SingleGrader]]:
        """Each grader that is no combination, with its place in the request."""
        if not isinstance(self.grader, MultiGrader):
            yield "grader", self.grader
        elif isinstance(self.grader.graders, dict):
            yield from ((f"grader.graders.{name}", each) for name, each in self.grader.graders.items())
        else:
            yield "grader.graders", self.grader.graders

    def judges(self) -> Iterator[tuple[str, str]]:
        """The model of each model grader, with its place in the request."""
        for place, grader in self.placed():
            if isinstance(grader, ScoreModel | LabelModel):
                yield f"{place}.model", grader.model


class RunGrader(ValidateGrader):
    """A grader, and what it grades."""

    model_sample: str = Field(json_schema_extra={"why": "`sample.output_json` is there where it is JSON"})
    item: JsonObject | None = supported("the namespace `item`; an object")
