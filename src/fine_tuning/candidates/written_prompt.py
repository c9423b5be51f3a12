"""A model that is asked with the instructions of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.few_shot import PlaceOf
from fine_tuning.candidates.instructions_file import model_with_file, read_instructions
from fine_tuning.candidates.served_model import AskModel
from fine_tuning.data_io.messages import Message
from fine_tuning.serving.instructions import Instructions, instructed
from fine_tuning.serving.part_model import PartModel


def request_with(request: Request, text: str) -> Request:
    """The request with these instructions in place of its own."""
    return Request(cast("list[Message]", instructed(request.messages, text)), request.tools)


class WrittenPrompt:
    """A `Candidate` that asks a model by its name, and learns nothing.

    Args:
        given: MODEL=FILE.
        ask: answers requests with a model.
        place_of: the provider and the model there that a name stands for.

    Raises:
        UsageError, NotFoundError, StorageError, DataError: see `model_with_file` and `read_instructions`.
    """

    def __init__(self, given: str, ask: AskModel, place_of: PlaceOf) -> None:
        self.name = f"prompt: {given}"
        self._model, file = model_with_file(given)
        self._text, self._ask, self._place_of = read_instructions(file), ask, place_of

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:
        """Learn nothing. See `Candidate`."""

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Ask with the instructions. See `Candidate`."""
        return self._ask(self._model, [request_with(each, self._text) for each in requests])

    def investment(self) -> float:
        """Nothing that is known of: who wrote it has been paid elsewhere. See `Candidate`."""
        return 0.0

    def export(self, folder: Path) -> Path:
        """Write the instructions, and which model is asked. See `Candidate`."""
        Instructions(self._text, PartModel(*self._place_of(self._model))).save(folder)
        return folder
