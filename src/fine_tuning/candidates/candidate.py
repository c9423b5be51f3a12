"""The interface of candidates, and the calls that they learn from and answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from fine_tuning.data_io.messages import Message, Tool


class Request(NamedTuple):
    """A conversation up to the answer, and the tools that the model may call."""

    messages: Sequence[Message]
    tools: Sequence[Tool] = ()


class LabelledCall(NamedTuple):
    """A request and the answer that is expected of it."""

    request: Request
    answer: str


class CandidateAnswer(NamedTuple):
    """An answer, or the reason why there is none; None is unknown.

    Attributes:
        text: None where the call failed.
        latency_ms: milliseconds.
        cost: US dollars.
        confidence: the probability, by the candidate itself, that the answer is right.
    """

    text: str | None
    latency_ms: float | None = None
    cost: float | None = None
    confidence: float | None = None
    error: str | None = None


class Candidate(Protocol):
    """Something that may answer in the incumbent's place.

    Methods raise a FineTuningError with the reason where the candidate does not apply to the task, or fails.
    """

    name: str

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:
        """Learn from the calls of `train`, and choose settings by those of `valid`."""
        ...

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Answer requests, in their order."""
        ...

    def investment(self) -> float | None:
        """US dollars that fitting has cost, beside the answers of models that it asked for; None is unknown."""
        ...

    def export(self, folder: Path) -> Path | None:
        """Write what answers into a folder, and return it; None where there is nothing to write."""
        ...
