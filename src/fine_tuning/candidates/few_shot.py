"""A model that is asked with the user's own examples before each question, the nearest ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.cascade import Score
from fine_tuning.candidates.served_model import AskModel
from fine_tuning.data_io.messages import Message, content_text
from fine_tuning.errors import ConflictError, DataError
from fine_tuning.serving.embedding.embedding_models import open_embedder
from fine_tuning.serving.embedding.static_embedder import WORDLLAMA
from fine_tuning.serving.part_model import PartModel
from fine_tuning.serving.retrieved_examples import Example, FewShotSettings, RetrievedExamples

PlaceOf = Callable[[str], tuple[str, str]]
SHOTS = (2, 4, 8)
TRIED_ON = 40  # validation calls on which the number of examples is chosen


class FewShot:
    """A `Candidate` that asks a model by its name.

    Args:
        ask: answers requests with a model.
        score: of an answer, 0 to 1.
        place_of: the provider and the model there that a name stands for.
    """

    def __init__(self, model: str, ask: AskModel, score: Score, place_of: PlaceOf) -> None:
        self.name = f"few-shot: {model}"
        self._model, self._ask, self._score, self._place_of = model, ask, score, place_of
        self._examples: RetrievedExamples | None = None

    @property
    def examples(self) -> RetrievedExamples:
        """The examples that are chosen from.

        Raises:
            ConflictError: it is not fitted.
        """
        if self._examples is None:
            raise ConflictError(f"{self.name} is not fitted")
        return self._examples

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:
        """Embed the questions, and choose the number of examples. See `Candidate`."""
        found = [example for call in train if (example := _example(call)) is not None]
        if not found:
            raise DataError("no call has a question in text, which examples are found by")
        fitted = RetrievedExamples.of(found, open_embedder(WORDLLAMA), SHOTS[0])
        tried = valid[:TRIED_ON]
        scores = {}
        for shots in SHOTS:
            self._examples = replace(fitted, shots=shots)
            answers = self.answer([call.request for call in tried])
            scores[shots] = sum(self._score(each.text, call.answer) for each, call in zip(answers, tried, strict=True))
        self._examples = replace(fitted, shots=max(SHOTS, key=lambda shots: (scores[shots], -shots)))

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Ask with examples. See `Candidate`."""
        prompted = [
            Request(cast("list[Message]", self.examples.before(request.messages)), request.tools)
            for request in requests
        ]
        return self._ask(self._model, prompted)

    def investment(self) -> float:
        """Nothing beside the answers by which the number is chosen. See `Candidate`."""
        return 0.0

    def export(self, folder: Path) -> Path:
        """Write the examples, and which model is asked. See `Candidate`."""
        provider, model = self._place_of(self._model)
        FewShotSettings(self.examples.shots, PartModel(provider, model), WORDLLAMA).save(self.examples.examples, folder)
        return folder


def _example(call: LabelledCall) -> Example | None:
    content = call.request.messages[-1].get("content") if call.request.messages else None
    if not isinstance(content, str) or not content_text(content).strip():
        return None
    return Example(content, call.answer)
