"""A model as it is, by its name: of a host, of the registry, or a base model here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request

AskModel = Callable[[str, Sequence[Request]], list[CandidateAnswer]]


class ServedModel:
    """A `Candidate` that learns nothing.

    Args:
        ask: answers requests with a model.
    """

    def __init__(self, model: str, ask: AskModel) -> None:
        self.name, self._ask = model, ask

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:
        """Learn nothing. See `Candidate`."""

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Ask the model. See `Candidate`."""
        return self._ask(self.name, requests)

    def investment(self) -> float:
        """Nothing. See `Candidate`."""
        return 0.0

    def export(self, folder: Path) -> None:
        """Write nothing. See `Candidate`."""
