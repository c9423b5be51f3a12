"""Register the winner of a bake-off as the next version of a model, whatever its kind."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from fine_tuning.candidates.candidate import Candidate
from fine_tuning.candidates.cascade import Cascade
from fine_tuning.errors import ConflictError
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.serving.cascade_engine import HEAD, SECOND, CascadeSettings
from fine_tuning.serving.model_resolution import LOCAL, resolve_target
from fine_tuning.serving.part_model import PartModel
from fine_tuning.store.model_versions import QUANTIZATION
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.bakeoff.fine_tune_candidate import FineTuneCandidate
from fine_tuning.workflows.bakeoff.quantized_candidate import QuantizedCandidate
from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffOutcome


def register_winner(workspace: Workspace, outcome: BakeoffOutcome, model_name: str) -> ModelVersion:
    """The next version of a model, with the quality and the investment that were measured.

    Raises:
        ConflictError: there is no winner, or it is a model that is there already.
    """
    if outcome.winner is None:
        raise ConflictError("there is no winner to register: no cheaper candidate is shown not to be worse")
    candidate = outcome.fitted[outcome.winner]
    result = next(each for each in outcome.results if each["name"] == outcome.winner)
    registry = ModelRegistry(workspace=workspace)
    quality = None if outcome.is_agreement else result["quality"]["value"]
    if isinstance(candidate, FineTuneCandidate):
        version = registry.register_job(model_name, candidate.job["job_id"])
        if quality is not None:
            registry.set_accuracy(model_name, version["version"], quality, f"bake-off {outcome.id}")
        return version
    base, job_id = outcome.winner, f"bakeoff-{outcome.id}"
    metadata = {"bakeoff": outcome.id, "kind": outcome.winner}
    if isinstance(candidate, QuantizedCandidate):
        base, job_id = candidate.tuned.job["model"], candidate.tuned.job["job_id"]
        metadata[QUANTIZATION], place = candidate.kind, candidate.folder
    else:
        place = _written(workspace, candidate, outcome)
    return registry.register_model(
        model_name,
        base,
        job_id,
        outcome.parts["train"],
        quality,
        result["investment"],
        metadata,
        provider=LOCAL,
        provider_model=str(place),
    )


def _written(workspace: Workspace, candidate: Candidate, outcome: BakeoffOutcome) -> Path:
    """The folder of what answers.

    Raises:
        ConflictError: it is a model that is there already.
    """
    # By such a name `ft-cli doctor` knows it, where the process ends before the version is registered.
    folder = workspace.folder("artifacts") / f"{candidate.name.split(':')[0]}-{uuid4().hex[:12]}"
    if not isinstance(candidate, Cascade):
        if (place := candidate.export(folder)) is None:
            raise ConflictError(f"the winner is {candidate.name}, a model that is there already: deploy or route to it")
        return place
    candidate.export(folder / HEAD)
    CascadeSettings(candidate.threshold, _second(workspace, candidate, outcome, folder)).save(folder)
    return folder


def _second(workspace: Workspace, cascade: Cascade, outcome: BakeoffOutcome, folder: Path) -> PartModel:
    """What answers where the first head is not sure."""
    if cascade.second_head is not None:
        return PartModel(LOCAL, str(cascade.second_head.export(folder / SECOND)))
    with workspace.database.read() as tx:
        found = resolve_target(tx, outcome.incumbent, workspace.settings)
    return PartModel(found.provider, found.model)
