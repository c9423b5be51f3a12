"""A model that is asked with given instructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.few_shot import PlaceOf
from fine_tuning.candidates.served_model import AskModel
from fine_tuning.data_io.messages import Message
from fine_tuning.serving.instructions import Instructions, instructed
from fine_tuning.serving.part_model import PartModel


def request_with(request: Request, text: str) -> Request:
    """The request with these instructions in place of its own."""
    return Request(cast("list[Message]", instructed(request.messages, text)), request.tools)


@dataclass
class WrittenPrompt:
    """A `Candidate` that asks a model by its name, and learns nothing.

    Attributes:
        text: the instructions.
        ask: answers requests with a model.
        place_of: the provider and the model there that a name stands for.
    """

    name: str
    model: str
    text: str
    ask: AskModel
    place_of: PlaceOf

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:
        """Learn nothing. See `Candidate`."""

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Ask with the instructions. See `Candidate`."""
        return self.ask(self.model, [request_with(each, self.text) for each in requests])

    def investment(self) -> float:
        """Nothing that is known of: who wrote it has been paid elsewhere. See `Candidate`."""
        return 0.0

    def export(self, folder: Path) -> Path:
        """Write the instructions, and which model is asked. See `Candidate`."""
        Instructions(self.text, PartModel(*self.place_of(self.model))).save(folder)
        return folder
