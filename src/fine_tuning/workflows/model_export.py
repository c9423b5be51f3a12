"""Exports a fine-tuned model for other programs, after a parity check against its trainer's model."""

from __future__ import annotations

import logging
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from fine_tuning._util import checks
from fine_tuning._util.files import atomic_folder, make_folder, sha256_file, translated_os_errors
from fine_tuning._util.model_names import version_name
from fine_tuning.base_models import catalogue
from fine_tuning.errors import ConflictError, DataError, NotFoundError, UsageError
from fine_tuning.export import compare_models, modelfile, ollama, quantization
from fine_tuning.export import token_parity as parity
from fine_tuning.export.compare_models import Gguf
from fine_tuning.export.gguf import export_gguf, kept_gguf
from fine_tuning.export.gguf_adapter import export_gguf_adapter
from fine_tuning.export.token_parity import Messages, Parity
from fine_tuning.registry import lineage, model_card
from fine_tuning.registry.lineage_graph import as_mermaid
from fine_tuning.serving import model_resolution
from fine_tuning.store import evaluations, exports, files, jobs, model_versions
from fine_tuning.store.records.evaluations import Evaluation
from fine_tuning.store.records.exports import NewExport, ParityFigures
from fine_tuning.store.records.job_results import JobResult
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.records.rows import records
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.training.loop import training_prompts

_log = logging.getLogger(__name__)
Target = Literal["gguf", "adapter", "ollama", "safetensors", "vllm"]
TARGETS: tuple[Target, ...] = ("gguf", "adapter", "ollama", "safetensors", "vllm")
QUANTIZED: tuple[Target, ...] = ("gguf", "ollama")  # whose weights may be quantized
DEFAULT_PROMPTS = 8


@dataclass(frozen=True)
class ExportPlan:
    """What to export, and how.

    Attributes:
        name: a registered model (its deployed version, else the latest), `<name>-v<version>`, or the model of a job.
        target: "gguf" for llama.cpp; "adapter", the LoRA adapter alone as GGUF, for llama.cpp with the base's GGUF;
            "ollama", GGUF with a Modelfile; "safetensors", a Hugging Face model folder; "vllm", that folder and the
            command that serves it.
        output: a new folder; named after the model in the current one by default.
        quantize: of GGUF files: f16 (default), bf16, q8_0, q6_k, q5_k, q4_k, q4_0.
        prompts: number of training prompts that the parity check compares.
        force: write the files although the parity check fails; the result is recorded and logged.
        create: with "ollama", also create the model in the running Ollama (the setting OLLAMA_HOST).
    """

    name: str
    target: Target
    output: str | Path | None = None
    quantize: str | None = None
    prompts: int = DEFAULT_PROMPTS
    force: bool = False
    create: bool = False

    def __post_init__(self) -> None:
        checks.one_of("to", self.target, TARGETS)
        checks.count("prompts", self.prompts, 1)
        _ = self.gguf_type
        if self.create and self.target != "ollama":
            raise UsageError(f"create applies to ollama, not to {self.target}")

    @property
    def gguf_type(self) -> str | None:
        """How the weights of a GGUF file are stored; None for other files."""
        if self.target in QUANTIZED:
            return quantization.find(self.quantize or "f16").name
        if self.quantize is not None:
            raise UsageError(f"quantize applies to gguf and ollama; {self.target} keeps the weights as they are")
        return "f16" if self.target == "adapter" else None


class Exported(NamedTuple):
    """An export.

    folder: of all files; weights: the file to load; parity: by what was compared ("merged", "exported"), how alike it
    is to the trainer's model; command: a shell command that runs the model.
    """

    folder: Path
    weights: Path
    parity: dict[str, Parity]
    command: str


@dataclass(frozen=True)
class _Source:
    """A local model and what belongs to it."""

    label: str
    merged: Path
    trainer: tuple[Path, Path | None] | None  # base model and adapter
    training_file: Path | None
    job_id: str | None
    version: ModelVersion | None

    @property
    def file_name(self) -> str:
        return safe_file_name(self.label)


def export_model(
    plan: ExportPlan,
    *,
    workspace: Workspace | None = None,
    on_message: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write a local model for other programs, unless the parity check against its trainer's model fails.

    Args:
        on_message: called with each step.

    Raises:
        ProviderError: Ollama does not answer or refuses; the files are written.
        NotFoundError: there is no such model, or it is not on this machine, or it has no adapter.
        ConflictError: the parity check fails (the message has the first difference), or the folder is not empty.
        DataError: the model's family cannot be written as GGUF.
    """
    workspace = workspace or open_workspace()
    source = _source(workspace, plan.name)
    folder = _new_folder(Path(plan.output or f"{source.file_name}-{plan.target}").absolute())
    if plan.target == "ollama":
        modelfile.check_name(source.file_name)
    if plan.create:
        ollama.check(workspace.settings.ollama_host)
    make_folder(folder.parent)
    with atomic_folder(folder) as unfinished, translated_os_errors(folder, "write"):
        weights, gguf = _write(source, plan, unfinished, on_message)
        prompts: Sequence[Messages] = (
            training_prompts.of(source.training_file, plan.prompts) or parity.PROMPTS[: plan.prompts]
        )
        found = compare_models.compare(source.merged, source.trainer, gguf, prompts, on_message)
        _check(source.label, found, force=plan.force)
        command = _command(source, plan.target, folder, folder / weights.name)
        if plan.target == "ollama":
            text = modelfile.modelfile(source.merged, source.file_name, None, weights=f"./{weights.name}")
            (unfinished / "Modelfile").write_text(text, encoding="utf-8")
        checksum = sha256_file(weights)
        figures = {model: each.as_dict() for model, each in found.items()}
        _write_card(workspace, source, unfinished, figures)
    _record(workspace, source, {
        "job_id": source.job_id, "target": plan.target, "quantization": plan.gguf_type, "path": str(folder),
        "sha256": checksum, "parity": figures,
    })  # fmt: skip
    exported = Exported(folder, folder / weights.name, found, command)
    if plan.create:
        ollama.create(
            workspace.settings.ollama_host, source.merged, source.file_name, None, on_message, exported.weights
        )
    return exported


def _new_folder(folder: Path) -> Path:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConflictError(f"{folder} is not a folder; name a new one")
    if folder.is_dir() and any(folder.iterdir()):
        raise ConflictError(f"{folder} is not empty; name a new folder")
    return folder


def _source(workspace: Workspace, name: str) -> _Source:
    with workspace.database.read() as tx:
        latest = None if model_versions.deployed(tx, name) else model_versions.get(tx, name)
        target = model_resolution.find_target(tx, version_name(name, latest["version"]) if latest else name)
        if target is None:
            raise NotFoundError(f"no model {name}: name a registered model, <name>-v<version>, or the model of a job")
        if target.provider != model_resolution.LOCAL:
            raise NotFoundError(f"{name} is at {target.provider}; only local models have files to export")
        version = model_versions.get(tx, target.name, target.version) if target.name is not None else None
        job = jobs.get(tx, version["job_id"]) if version is not None else jobs.find_by_model(tx, name)
        file = None if job is None else files.get(tx, job["training_file_id"])
    merged = Path(target.model)
    if not (merged / "config.json").is_file():
        raise NotFoundError(f"the files of {name} are not at {merged}")
    result: JobResult = (job["result"] if job is not None else None) or {}
    is_of_job = job is not None and result.get("merged_dir") == str(merged)
    return _Source(
        label=name if version is None else version_name(version["model_name"], version["version"]),
        merged=merged,
        trainer=_trainer(workspace, job) if job is not None and is_of_job else None,
        training_file=Path(file["path"]) if file is not None and is_of_job else None,
        job_id=job["id"] if job is not None else None,
        version=version,
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


def _write(
    source: _Source, plan: ExportPlan, folder: Path, on_message: Callable[[str], None]
) -> tuple[Path, Gguf | None]:
    """Write the weights, and for safetensors the tokenizer and settings beside them.

    Returns:
        The file of the weights, and what llama.cpp loads for the parity check.
    """
    name, kind = source.file_name, plan.gguf_type
    if kind is None:
        on_message("copying the weights")
        for path in sorted(source.merged.iterdir()):
            if path.is_file() and path.suffix != ".gguf":
                shutil.copyfile(path, folder / path.name)
        safetensors = sorted(folder.glob("*.safetensors"))
        if not safetensors:
            raise NotFoundError(f"there are no weights at {source.merged}; train the model again")
        return safetensors[0], None
    on_message(f"writing GGUF ({kind})")
    if plan.target == "adapter":
        base, adapter = _adapted(source)
        weights = export_gguf_adapter(adapter, base, folder / f"{name}.adapter.gguf")
        return weights, Gguf(_base_gguf(base), kind, weights)
    weights = export_gguf(source.merged, folder / f"{name}.{kind}.gguf", kind)
    return weights, Gguf(weights, kind)


def _adapted(source: _Source) -> tuple[Path, Path]:
    base, adapter = source.trainer or (source.merged, None)
    if adapter is None:
        raise NotFoundError(f"{source.label} has no adapter here; export the merged model with --to gguf")
    return base, adapter


def _base_gguf(base: Path) -> Path:
    kept = kept_gguf(base)
    if kept is None:
        raise DataError(f"llama.cpp does not support the base model {base.name}, so its adapter cannot be exported")
    return kept


def _check(label: str, found: Mapping[str, Parity], *, force: bool) -> None:
    for model, each in found.items():
        if each.passed:
            continue
        shown = (
            f"the {model} model of {label} differs from its trainer's: {each.prompts_alike} of {each.prompts} prompts "
            f"have identical tokens, {each.agreement:.1%} of {each.places} chosen tokens agree, divergence "
            f"{each.divergence:.2g} nats"
        )
        shown += f"; {each.first_difference}" if each.first_difference else ""
        if not force:
            raise ConflictError(f"{shown}. Nothing was written; --force (force=True) writes it anyway")
        _log.warning("%s", shown)


def _command(source: _Source, target: Target, folder: Path, weights: Path) -> str:
    """The shell command that runs the model."""
    name = source.file_name
    if target == "adapter":
        base = str(_base_gguf(_adapted(source)[0]))
        return shlex.join(["llama-server", "-m", base, "--lora", str(weights), "--jinja", "--alias", name])
    if target == "gguf":
        return shlex.join(["llama-server", "-m", str(weights), "--jinja", "--alias", name])
    if target == "ollama":
        return shlex.join(["ollama", "create", name, "-f", str(folder / "Modelfile")])
    if target == "vllm":
        # vLLM's own sampling defaults are OpenAI's; the model's file may have others.
        return shlex.join(["vllm", "serve", str(folder), "--served-model-name", name, "--generation-config", "vllm"])
    return shlex.join(["ft-cli", "import-model", name, str(folder)])


def _record(workspace: Workspace, source: _Source, export: NewExport) -> None:
    name = None if source.version is None else source.version["model_name"]
    number = None if source.version is None else source.version["version"]
    with workspace.database.write() as tx:
        exports.add(tx, export, name, number)


def _write_card(workspace: Workspace, source: _Source, folder: Path, figures: Mapping[str, ParityFigures]) -> None:
    if source.version is None:
        card = _card_of_job(workspace, source)
    else:
        with workspace.database.read() as tx:
            name, number = source.version["model_name"], source.version["version"]
            measured = records(Evaluation, evaluations.of_version(tx, name, number))
            graph = as_mermaid(lineage.trace(tx, source.version))
        card = model_card.model_card(source.version, measured, graph, figures)
    (folder / model_card.FILE_NAME).write_text(card, encoding="utf-8")


def _card_of_job(workspace: Workspace, source: _Source) -> str:
    """The card of a model that is not registered."""
    with workspace.database.read() as tx:
        job = jobs.get(tx, source.job_id or "")
    base = "an unknown base" if job is None else job["model"]
    data = source.training_file.name if source.training_file is not None else "unknown"
    return (
        f"# {source.label}\n\nFine-tuned by job {source.job_id} from {base} on {data}.\n"
        "It is not registered: no evaluation or deployment is recorded.\n"
    )


def safe_file_name(label: str) -> str:
    """A name for files and for Ollama: ASCII letters, digits, dots, dashes and underscores."""
    safe = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in label)
    return safe.strip(".-_") or "model"
