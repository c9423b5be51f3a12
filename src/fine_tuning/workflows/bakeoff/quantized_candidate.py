"""A fine-tune after export: the same weights in fewer bits, as llama.cpp answers with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.served_model import AskModel
from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.export.quantized_model import quantized_model
from fine_tuning.serving.model_resolution import find_target
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.bakeoff.fine_tune_candidate import FineTuneCandidate


class QuantizedCandidate:
    """A `Candidate` that is another one's weights, quantized; its files lie beside those of the job.

    Args:
        tuned: fitted before this one.
        kind: of `quantization.KINDS`.
        ask: answers requests with a model.
    """

    def __init__(self, tuned: FineTuneCandidate, kind: str, workspace: Workspace, ask: AskModel) -> None:
        self.name = f"{tuned.name}, {kind}"
        self.tuned = tuned
        self.kind, self._workspace, self._ask = kind, workspace, ask
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Of the quantized model.

        Raises:
            ConflictError: it is not made.
        """
        if self._folder is None:
            raise ConflictError(f"{self.name} is not made")
        return self._folder

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:  # noqa: ARG002 - as trained
        """Write the weights. See `Candidate`."""
        model = str(self.tuned.job["fine_tuned_model"])
        with self._workspace.database.read() as tx:
            target = find_target(tx, model)
        if target is None:
            raise NotFoundError(f"the model {model} is gone")
        self._folder = quantized_model(Path(target.model), self.kind)

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Ask the quantized model. See `Candidate`."""
        return self._ask(str(self.folder), requests)

    def investment(self) -> float | None:
        """That of the fine-tune. See `Candidate`."""
        return self.tuned.investment()

    def export(self, folder: Path) -> None:
        """Write nothing: the model lies beside its job's. See `Candidate`."""
