"""The choices of a bake-off."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from fine_tuning._util.option_model import OptionModel
from fine_tuning.errors import UsageError

NO_EMBEDDING = "none"
EMBEDDINGS = (NO_EMBEDDING, "wordllama")  # where none is named


class BakeoffPlan(OptionModel):
    """What is compared with what, on which parts of the data."""

    incumbent: Annotated[str | None, Field(description="Model that answers today; recorded answers of it count.")] = (
        None
    )
    models: Annotated[
        tuple[str, ...], Field(description="Candidate as it is: a host's, registered or base model.")
    ] = ()
    heads: Annotated[bool, Field(description="Fit classifier heads, and a cascade of the best one.")] = True
    embeddings: Annotated[
        tuple[str, ...],
        Field(
            description="Embedding model or encoder folder of a classifier head beside TF-IDF; none for TF-IDF alone."
        ),
    ] = ()
    few_shots: Annotated[
        tuple[str, ...], Field(description="Model to ask with the nearest of your own examples before each question.")
    ] = ()
    prompts: Annotated[tuple[str, ...], Field(description="Model to ask with instructions improved by GEPA.")] = ()
    prompt_writer: Annotated[
        str | None, Field(description="Model that writes the instructions; by default the one that is asked.")
    ] = None
    prompt_calls: Annotated[int, Field(description="Calls that improving a prompt may take.", ge=20, le=1_000_000)] = (
        300
    )
    prompt_files: Annotated[
        tuple[str, ...],
        Field(description="MODEL=FILE: model to ask with the instructions of a text file, or of a saved DSPy program."),
    ] = ()
    fine_tunes: Annotated[tuple[str, ...], Field(description="Base model to fine-tune here.")] = ()
    trials: Annotated[
        int, Field(description="Settings of each fine-tune that are tried; 1: the defaults.", ge=1, le=1000)
    ] = 1
    trials_at_once: Annotated[
        int, Field(description="Of these so many train together, on one copy of the base model.", ge=1, le=64)
    ] = 1
    quantizations: Annotated[
        tuple[str, ...], Field(description="Measure each fine-tune in this quantization, too: q8_0, q4_k, ...")
    ] = ()
    metric: Annotated[str, Field(description="Score of an answer: exact_match, json_field_f1, token_f1, ...")] = (
        "exact_match"
    )
    margin: Annotated[float, Field(description="How much lower a score may be and still not be worse.", gt=0)] = 0.03
    validation_share: Annotated[float, Field(description="Of the calls, for choices.", gt=0, lt=0.5)] = 0.15
    test_share: Annotated[float, Field(description="Of the calls, for the verdict.", gt=0, lt=0.8)] = 0.25
    budget: Annotated[
        float | None, Field(description="US dollars that asking models may cost, with earlier runs of the same.", ge=0)
    ] = None
    max_tokens: Annotated[int, Field(description="Maximum tokens per answer.", ge=1)] = 256
    seed: Annotated[int, Field(description="Of the split.")] = 0

    @model_validator(mode="after")
    def _check(self) -> BakeoffPlan:
        from fine_tuning.candidates.instructions_file import model_with_file
        from fine_tuning.evaluation import metrics  # here: `ft-cli --help` needs no scores
        from fine_tuning.export import quantization
        from fine_tuning.export.quantized_model import AS_SERVED

        for kind in self.quantizations:
            if quantization.find(kind).name == AS_SERVED:
                raise UsageError(f"{AS_SERVED} is what a fine-tune is measured in; name fewer bits, such as q8_0")
        if self.quantizations and not self.fine_tunes:
            raise UsageError("quantizations are of fine-tunes; name a base model to fine-tune")
        metrics.check(self.metric)
        score = metrics.find(self.metric)
        if score.corpus or score.bounds != (0, 1) or not score.higher_is_better or self.metric == "judge":
            raise UsageError(f"{self.metric} does not score single answers from 0 to 1; use exact_match or another")
        if self.margin >= 1:
            raise UsageError(f"margin must be below 1, not {self.margin:g}")
        for given in self.prompt_files:
            model_with_file(given)
        several = (self.models, self.few_shots, self.prompts, self.prompt_files, self.fine_tunes, self.embeddings)
        for found in (*several, self.quantizations):
            if twice := next((each for at, each in enumerate(found) if each in found[:at]), None):
                raise UsageError(f"{twice} is named twice as the same candidate")
        if self.incumbent in self.models:
            raise UsageError(f"{self.incumbent} is the incumbent, which is measured anyway: leave out --model of it")
        if not (self.heads or any((self.models, self.few_shots, self.prompts, self.prompt_files, self.fine_tunes))):
            raise UsageError("name at least one candidate")
        return self
