"""The choices of a labelling."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from fine_tuning._util.option_model import OptionModel
from fine_tuning.errors import UsageError
from fine_tuning.serving.engine import DEFAULT_CONCURRENCY
from fine_tuning.store.projects import DEFAULT_PROJECT, check_project

VARIED = 0.7  # the temperature of several answers to one prompt
RATING = 4


class LabelPlan(OptionModel):
    """How a teacher is asked, what its answers must be, and what they may cost."""

    system: Annotated[
        str | None, Field(description="Instructions to the teacher, before those of a prompt; examples go without.")
    ] = None
    choices: Annotated[tuple[str, ...], Field(description="Label that an answer may be; another is no label.")] = ()
    schema_file: Annotated[
        str | None, Field(description="JSON schema that answers must meet; sent to the host, and checked.")
    ] = None
    samples: Annotated[int, Field(description="Answers per prompt, of which the best is kept.", ge=1, le=64)] = 1
    judge: Annotated[
        str | None, Field(description="Model that grades several answers; without one, the most frequent is kept.")
    ] = None
    temperature: Annotated[
        float | None, Field(description="Of the answers; 0 for one per prompt, 0.7 for several.", ge=0, le=2)
    ] = None
    max_tokens: Annotated[int, Field(description="Maximum tokens per answer.", ge=1)] = 1024
    logprobs: Annotated[bool, Field(description="Keep the log-probabilities of the answers' tokens.")] = False
    budget: Annotated[
        float | None, Field(description="US dollars that the labels of these prompts may cost in all.", gt=0)
    ] = None
    concurrency: Annotated[int, Field(description="Calls at once.", ge=1, le=1000)] = DEFAULT_CONCURRENCY
    per_minute: Annotated[float | None, Field(description="Calls per minute at most.", gt=0)] = None
    batch: Annotated[bool, Field(description="Send the calls as batches, where the host has them.")] = False
    repeat_unknown: Annotated[
        bool, Field(description="Ask again where it is not known whether a call was answered and paid.")
    ] = False
    domain: Annotated[str, Field(description="Domain of prompts that have none.")] = "general"
    task_type: Annotated[str, Field(description="Task type of prompts that have none.")] = "chat"
    rating: Annotated[int, Field(description="Rating of the examples.", ge=1, le=5)] = RATING
    project: Annotated[str, Field(description="Project that the examples belong to.")] = DEFAULT_PROJECT

    @model_validator(mode="after")
    def _check(self) -> LabelPlan:
        check_project(self.project)
        if self.judge is not None and self.samples == 1:
            raise UsageError("a judge chooses among several answers: set samples to 2 or more")
        if self.choices and self.schema_file is not None:
            raise UsageError("an answer is one of the choices, or JSON of a schema: name one of them")
        return self

    @property
    def used_temperature(self) -> float:
        """The temperature of the calls."""
        return self.temperature if self.temperature is not None else 0.0 if self.samples == 1 else VARIED
