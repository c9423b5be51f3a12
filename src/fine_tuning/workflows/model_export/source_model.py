"""The local model that is exported, with the base model, adapter and training file of its job."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from fine_tuning._util.model_names import version_name
from fine_tuning.base_models import catalogue
from fine_tuning.errors import NotFoundError
from fine_tuning.export.quantized_model import quantization_of, quantized_weights
from fine_tuning.serving import model_resolution
from fine_tuning.serving.model_resolution import Target
from fine_tuning.store import files, jobs, model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.job_results import JobResult
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceModel:
    """A local model and what belongs to it.

    Attributes:
        label: `<name>-v<version>`, or the name of a job's model.
        merged: its model folder; of a quantized version that of the weights before.
        trainer: base model and adapter of its job; the adapter is None where there is none.
        base_name: of the base model, as the job was given it; None where its job is unknown.
        quantization: of a quantized version.
    """

    label: str
    merged: Path
    trainer: tuple[Path, Path | None] | None
    training_file: Path | None
    job_id: str | None
    version: ModelVersion | None
    base_name: str | None = None
    quantization: str | None = None

    @property
    def file_name(self) -> str:
        """The label as a name for files and for Ollama."""
        return safe_file_name(self.label)


def find_exported(tx: Transaction, name: str) -> Target | None:
    """What is exported for a name: the deployed version of a registered model, else the latest; None for no model."""
    latest = None if model_versions.deployed(tx, name) else model_versions.get(tx, name)
    return model_resolution.find_target(tx, version_name(name, latest["version"]) if latest else name)


def find_source(workspace: Workspace, name: str) -> SourceModel:
    """The local model of a name: a registered model, `<name>-v<version>`, or the model of a job.

    Raises:
        NotFoundError: there is no such model, or it is not on this machine.
    """
    with workspace.database.read() as tx:
        target = find_exported(tx, name)
        if target is None:
            raise NotFoundError(f"no model {name}: name a registered model, <name>-v<version>, or the model of a job")
        if target.provider != model_resolution.LOCAL:
            raise NotFoundError(f"{name} is at {target.provider}; only local models have files to export")
        version = model_versions.get(tx, target.name, target.version) if target.name is not None else None
        job = jobs.get(tx, version["job_id"]) if version is not None else jobs.find_by_model(tx, name)
        file = None if job is None else files.get(tx, job["training_file_id"])
    merged, kind = Path(target.model), None
    result: JobResult = (job["result"] if job is not None else None) or {}
    if (weights := quantized_weights(merged)) is not None:
        merged, kind = Path(str(result.get("merged_dir"))), quantization_of(weights)
    if not (merged / "config.json").is_file():
        raise NotFoundError(f"the files of {name} are not at {merged}")
    is_of_job = job is not None and result.get("merged_dir") == str(merged)
    return SourceModel(
        label=name if version is None else version_name(version["model_name"], version["version"]),
        merged=merged,
        trainer=_trainer(workspace, job) if job is not None and is_of_job else None,
        training_file=Path(file["path"]) if file is not None and is_of_job else None,
        job_id=job["id"] if job is not None else None,
        version=version,
        base_name=(job["base_model"] or job["model"]) if job is not None and is_of_job else None,
        quantization=kind,
    )


def _trainer(workspace: Workspace, job: Job) -> tuple[Path, Path | None]:
    """The base model of a job and its adapter; None where all weights were trained, or the adapter is gone."""
    base = catalogue.resolve(job["base_model"] or job["model"], workspace.folder("models")).path
    result: JobResult = job["result"] or {}
    folder = result.get("adapter_dir")
    if folder is None:
        return base, None
    adapter = Path(folder)
    if not all((adapter / name).is_file() for name in ("adapter_config.json", "adapter_model.safetensors")):
        _log.warning("the adapter of job %s is missing; its merged model is used as the reference", job["id"])
        return base, None
    return base, adapter


def safe_file_name(label: str) -> str:
    """A name for files and for Ollama: ASCII letters, digits, dots, dashes and underscores."""
    safe = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in label)
    return safe.strip(".-_") or "model"
