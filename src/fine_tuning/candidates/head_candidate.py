"""A classifier head as a candidate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf
from pathlib import Path
from statistics import median

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.head_fitting import FittedHead, fit_head
from fine_tuning.errors import ConflictError, ContextLengthError, UsageError
from fine_tuning.serving.answered_calls import machine_price
from fine_tuning.serving.heads.classifier_head import ClassifierHead


class HeadCandidate:
    """A `Candidate` that answers with a classifier head on this machine.

    Args:
        embedding: the name of an embedding model or the path of an encoder's folder; None for TF-IDF alone.
        usd_per_hour: the price of this machine; None is unknown.
    """

    def __init__(self, embedding: str | None, usd_per_hour: float | None) -> None:
        self.name = "head: TF-IDF" + (f" + {_name_of(embedding)}" if embedding else "")
        self._embedding, self._usd_per_hour = embedding, usd_per_hour
        self._fitted: FittedHead | None = None
        self._seconds = 0.0

    @property
    def fitted(self) -> FittedHead:
        """The fitted heads.

        Raises:
            ConflictError: it is not fitted.
        """
        if self._fitted is None:
            raise ConflictError(f"{self.name} is not fitted")
        return self._fitted

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:
        """Learn the fields of the answers. See `Candidate`."""
        if any(call.request.tools for call in (*train, *valid)):
            raise UsageError("a classifier head calls no tools")
        started = time.perf_counter()
        self._fitted = fit_head(train, valid, self._embedding)
        self._seconds = time.perf_counter() - started

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Answer one request after another, so that each has its own latency. See `Candidate`."""
        return [self._answer(self.fitted.final, request) for request in requests]

    def validated_answers(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """The answers of the head that has not learnt from the validation calls."""
        return [self._answer(self.fitted.validated, request) for request in requests]

    def latency(self, requests: Sequence[Request]) -> float:
        """Milliseconds that it takes for half of the requests that it can read; inf where it reads none."""
        found = [each.latency_ms for each in self.answer(requests) if each.latency_ms is not None]
        return median(found) if found else inf

    def _answer(self, head: ClassifierHead, request: Request) -> CandidateAnswer:
        started = time.perf_counter()
        try:
            (found,) = head.answers([head.text_of(request.messages)])
        except (UsageError, ContextLengthError) as error:
            return CandidateAnswer(None, error=str(error))
        latency = (time.perf_counter() - started) * 1000
        return CandidateAnswer(found.text, latency, machine_price(latency, self._usd_per_hour).usd, found.confidence)

    def investment(self) -> float | None:
        """This machine's price for the time of fitting. See `Candidate`."""
        return machine_price(self._seconds * 1000, self._usd_per_hour).usd

    def export(self, folder: Path) -> Path:
        """Write the head. See `Candidate`."""
        self.fitted.final.save(folder)
        return folder


def _name_of(embedding: str) -> str:
    """The name of an embedding model, or of the folder that it is known by."""
    path = Path(embedding)
    return path.parent.name if path.name == "model" and path.parent.name else path.name
