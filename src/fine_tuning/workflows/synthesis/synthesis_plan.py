"""The choices of a synthesis."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fine_tuning._util.option_model import OptionModel
from fine_tuning.datasets.recipe import DEFAULT_THRESHOLD
from fine_tuning.serving.engine import DEFAULT_CONCURRENCY
from fine_tuning.workflows.labelling.label_plan import LabelPlan

PERSONAS = (
    "somebody who writes in a hurry",
    "somebody who explains at length",
    "somebody whose first language is another one",
    "an expert who uses the words of the trade",
    "somebody who asks for the first time, and does not know the words",
    "somebody who is annoyed",
)
EDITS = (
    "about another matter of the same kind",
    "with other names, places, dates and amounts",
    "in other words, with another structure",
    "with a detail that makes it harder",
    "of a kind that is rare among the examples",
)


class SynthesisPlan(OptionModel):
    """How many inputs are written, from what, and what they must not resemble."""

    count: Annotated[int, Field(description="Examples to add.", ge=1, le=1_000_000)] = 100
    personas: Annotated[tuple[str, ...], Field(description="Who writes, in words; some of the usual by default.")] = ()
    held_out: Annotated[
        tuple[str, ...], Field(description="File that no input may resemble, beside the dataset's own test part.")
    ] = ()
    near_duplicates: Annotated[
        float, Field(description="Similarity from which an input is one that is there already.", gt=0, le=1)
    ] = DEFAULT_THRESHOLD
    seeds_per_call: Annotated[int, Field(description="Examples that the teacher sees in a call.", ge=1, le=20)] = 4
    inputs_per_call: Annotated[int, Field(description="Inputs that it writes in a call.", ge=1, le=50)] = 5
    system: Annotated[str | None, Field(description="Instructions to the teacher for labels; examples go without.")] = (
        None
    )
    judge: Annotated[str | None, Field(description="Model that grades each label.")] = None
    min_grade: Annotated[
        float, Field(description="Lowest grade of a label that is kept, 0 to 1 (4 of 5 is 0.75).", ge=0, le=1)
    ] = 0.75
    max_tokens: Annotated[int, Field(description="Maximum tokens per answer.", ge=1)] = 1024
    budget: Annotated[float | None, Field(description="US dollars that all calls may cost together.", gt=0)] = None
    concurrency: Annotated[int, Field(description="Calls at once.", ge=1, le=1000)] = DEFAULT_CONCURRENCY
    rating: Annotated[int, Field(description="Rating of the examples.", ge=1, le=5)] = 4
    seed: Annotated[int, Field(description="Of the choice of examples, personas and edits.")] = 0

    def labels(self, project: str) -> LabelPlan:
        """How the inputs are labelled, as examples of a project."""
        return LabelPlan(
            system=self.system,
            max_tokens=self.max_tokens,
            budget=self.budget,
            concurrency=self.concurrency,
            rating=self.rating,
            project=project,
        )
