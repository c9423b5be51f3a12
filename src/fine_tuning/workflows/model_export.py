"""A fine-tuned model as files for other programs, compared with what its trainer's model says before they are given."""

from __future__ import annotations

import logging
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fine_tuning._util import checks
from fine_tuning._util.files import explained, make_folder, sha256_file, written_whole
from fine_tuning.base_models import catalogue
from fine_tuning.errors import ConflictError, DataError, NotFoundError, UsageError
from fine_tuning.export import compare_models, modelfile, ollama, quantization
from fine_tuning.export import token_parity as parity
from fine_tuning.export.compare_models import Gguf
from fine_tuning.export.gguf import export_gguf, kept_gguf
from fine_tuning.export.gguf_adapter import export_gguf_adapter
from fine_tuning.export.token_parity import Messages, Parity
from fine_tuning.registry import hugging_face_folder, lineage
from fine_tuning.serving import model_resolution
from fine_tuning.settings import get_settings
from fine_tuning.store import evaluations, exports, files, jobs, model_versions
from fine_tuning.store.database import open_database
from fine_tuning.store.records import JobResult
from fine_tuning.training.loop import training_prompts

_log = logging.getLogger(__name__)
To = Literal["gguf", "adapter", "ollama", "safetensors", "vllm"]
TARGETS: tuple[To, ...] = ("gguf", "adapter", "ollama", "safetensors", "vllm")
QUANTIZED: tuple[To, ...] = ("gguf", "ollama")  # whose weights may be stored in fewer bits
PROMPTS = 8


class Exported(NamedTuple):
    """What was written.

    folder: all of it; weights: the file to load; parity: by what was compared ("merged", "exported"), how alike it is;
    command: how it is run, for a shell.
    """

    folder: Path
    weights: Path
    parity: dict[str, Parity]
    command: str


@dataclass(frozen=True)
class _Source:
    """Where a local model and all that belongs to it are."""

    label: str
    merged: Path
    trainer: tuple[Path, Path | None] | None  # base model and adapter
    training_file: Path | None
    job_id: str | None
    version: Mapping[str, Any] | None


def export(
    name: str,
    to: To,
    output: str | Path | None = None,
    *,
    quantize: str | None = None,
    prompts: int = PROMPTS,
    force: bool = False,
    create: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write a local model for other programs, unless it says something else than its trainer's model.

    Args:
        name: a registered model (its deployed version, else the latest), `<name>-v<version>`, or the model of a job.
        to: "gguf" for llama.cpp; "adapter", the LoRA adapter alone as GGUF, for llama.cpp with the base's; "ollama",
            GGUF with a Modelfile; "safetensors", a Hugging Face model folder; "vllm", that folder and the command that
            serves it.
        output: a new folder; named after the model in the current one by default.
        quantize: of GGUF files: f16 (default), bf16, q8_0, q6_k, q5_k, q4_k, q4_0.
        prompts: how many of the training data are compared.
        force: write it although it is not alike; the result is kept and logged.
        create: with "ollama", also create the model in the running Ollama (the setting OLLAMA_HOST).
        on_step: told what is done.

    Raises:
        ProviderError: Ollama does not answer or refuses; the files are there.
        NotFoundError: there is no such model, or it is not on this machine, or it has no adapter.
        ConflictError: the model is not alike; the message has the first difference. Or the folder is not empty.
        UsageError: an unknown target or quantization.
        DataError: a model of a kind that cannot be written as GGUF.
    """
    checks.one_of("to", to, TARGETS)
    checks.count("prompts", prompts, 1)
    kind = _quantization(to, quantize)
    if create and to != "ollama":
        raise UsageError(f"create is for ollama, not for {to}")
    source = _source(name)
    folder = Path(output or f"{plain(source.label)}-{to}").absolute()
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConflictError(f"{folder} is no folder; name a new one")
    if folder.is_dir() and any(folder.iterdir()):
        raise ConflictError(f"{folder} is not empty; name a new folder")
    if to == "ollama":
        modelfile.check_name(plain(source.label))
    if create:
        ollama.check(get_settings().ollama_host)
    make_folder(folder.parent)
    with written_whole(folder) as unfinished, explained(folder, "write"):
        weights, gguf = _write(source, to, unfinished, kind, on_step)
        asked: Sequence[Messages] = training_prompts.of(source.training_file, prompts) or parity.PROMPTS[:prompts]
        found = compare_models.compare(source.merged, source.trainer, gguf, asked, on_step)
        _check(source.label, found, force=force)
        command = _command(source, to, folder, folder / weights.name)
        if to == "ollama":
            text = modelfile.modelfile(source.merged, plain(source.label), None, weights=f"./{weights.name}")
            (unfinished / "Modelfile").write_text(text, encoding="utf-8")
        checksum = sha256_file(weights)
        compared = {what: each.as_dict() for what, each in found.items()}
        _write_card(source, unfinished, compared)
    _record(source, to, kind, folder, checksum, compared)
    exported = Exported(folder, folder / weights.name, found, command)
    if create:
        name = plain(source.label)
        ollama.create(get_settings().ollama_host, source.merged, name, None, on_step, exported.weights)
    return exported


def _source(name: str) -> _Source:
    with open_database().read() as tx:
        latest = None if model_versions.deployed(tx, name) else model_versions.get(tx, name)
        target = model_resolution.find_target(tx, f"{name}-v{latest['version']}" if latest else name)
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
    made: JobResult = (job["result"] if job is not None else None) or {}
    is_of_job = job is not None and made.get("merged_dir") == str(merged)
    return _Source(
        label=name if version is None else f"{version['model_name']}-v{version['version']}",
        merged=merged,
        trainer=_trainer(job, made) if job is not None and is_of_job else None,
        training_file=Path(file["path"]) if file is not None and is_of_job else None,
        job_id=job["id"] if job is not None else None,
        version=version,
    )


def _trainer(job: Mapping[str, Any], made: Mapping[str, Any]) -> tuple[Path, Path | None]:
    """The base model of a job and its adapter; None where all weights were trained, or the adapter is gone."""
    base = catalogue.resolve(job["base_model"] or job["model"], get_settings().folder("models")).path
    if made.get("adapter_dir") is None:
        return base, None
    adapter = Path(made["adapter_dir"])
    if not all((adapter / name).is_file() for name in ("adapter_config.json", "adapter_model.safetensors")):
        _log.warning("the adapter of job %s is gone; the merged model stands for the trainer's", job["id"])
        return base, None
    return base, adapter


def _quantization(to: To, quantize: str | None) -> str | None:
    """The kind of GGUF file; None for what is none."""
    if to in QUANTIZED:
        return quantization.find(quantize or "f16").name
    if quantize is not None:
        raise UsageError(f"quantize is for gguf and ollama; {to} keeps the weights as they are")
    return "f16" if to == "adapter" else None


def _write(
    source: _Source, to: To, folder: Path, kind: str | None, on_step: Callable[[str], None]
) -> tuple[Path, Gguf | None]:
    """Write the weights, and for safetensors the tokenizer and settings beside them.

    Returns:
        The weights' file, and what llama.cpp has to load to answer with it.
    """
    name = plain(source.label)
    if kind is None:
        on_step("copying the weights")
        for path in sorted(source.merged.iterdir()):
            if path.is_file() and path.suffix != ".gguf":
                shutil.copyfile(path, folder / path.name)
        weights_of = sorted(folder.glob("*.safetensors"))
        if not weights_of:
            raise NotFoundError(f"there are no weights at {source.merged}; train the model again")
        return weights_of[0], None
    on_step(f"writing GGUF ({kind})")
    if to == "adapter":
        base, adapter = _adapted(source)
        weights = export_gguf_adapter(adapter, base, folder / f"{name}.adapter.gguf")
        return weights, Gguf(_base_gguf(base), kind, weights)
    weights = export_gguf(source.merged, folder / f"{name}.{kind}.gguf", kind)
    return weights, Gguf(weights, kind)


def _adapted(source: _Source) -> tuple[Path, Path]:
    base, adapter = source.trainer or (source.merged, None)
    if adapter is None:
        raise NotFoundError(f"{source.label} has no adapter here; export it whole, with --to gguf")
    return base, adapter


def _base_gguf(base: Path) -> Path:
    kept = kept_gguf(base)
    if kept is None:
        raise DataError(f"the base model {base.name} is of no kind that llama.cpp knows, and so is its adapter")
    return kept


def _check(label: str, found: Mapping[str, Parity], *, force: bool) -> None:
    for what, each in found.items():
        if each.passed:
            continue
        shown = (f"the {what} model of {label} is not like its trainer's: {each.prompts_alike} of {each.prompts} "
                 f"prompts have the same tokens, {each.agreement:.1%} of {each.places} chosen tokens agree, divergence "
                 f"{each.divergence:.2g} nats")  # fmt: skip
        shown += f"; {each.first_difference}" if each.first_difference else ""
        if not force:
            raise ConflictError(f"{shown}. Nothing was written; --force (force=True) writes it anyway")
        _log.warning("%s", shown)


def _command(source: _Source, to: To, folder: Path, weights: Path) -> str:
    """How the files are run."""
    name = plain(source.label)
    if to == "adapter":
        base = str(_base_gguf(_adapted(source)[0]))
        return shlex.join(["llama-server", "-m", base, "--lora", str(weights), "--jinja", "--alias", name])
    if to == "gguf":
        return shlex.join(["llama-server", "-m", str(weights), "--jinja", "--alias", name])
    if to == "ollama":
        return shlex.join(["ollama", "create", name, "-f", str(folder / "Modelfile")])
    if to == "vllm":
        # vLLM's own sampling defaults are OpenAI's; the model's file may have others.
        return shlex.join(["vllm", "serve", str(folder), "--served-model-name", name, "--generation-config", "vllm"])
    return shlex.join(["ft-cli", "import-model", name, str(folder)])


def _record(
    source: _Source, to: To, kind: str | None, folder: Path, checksum: str, compared: Mapping[str, Any]
) -> None:
    facts = {"job_id": source.job_id, "target": to, "quantization": kind, "path": str(folder), "sha256": checksum,
             "parity": compared}  # fmt: skip
    version = source.version or {}
    with open_database().write() as tx:
        exports.add(tx, facts, version.get("model_name"), version.get("version"))


def _write_card(source: _Source, folder: Path, compared: Mapping[str, Any]) -> None:
    if source.version is None:
        (folder / hugging_face_folder.CARD).write_text(_card_of_job(source), encoding="utf-8")
        return
    name, number = source.version["model_name"], source.version["version"]
    with open_database().read() as tx:
        measured = evaluations.of_version(tx, name, number)
        graph = lineage.as_mermaid(lineage.trace(tx, source.version))
    card = hugging_face_folder.card(source.version, measured, graph, compared)
    (folder / hugging_face_folder.CARD).write_text(card, encoding="utf-8")


def _card_of_job(source: _Source) -> str:
    """Of a model that is in no registry: what made it."""
    with open_database().read() as tx:
        job = jobs.get(tx, source.job_id or "")
    data = source.training_file.name if source.training_file is not None else "unknown"
    base = "an unknown base" if job is None else job["model"]
    return (
        f"# {source.label}\n\nMade by job {source.job_id} from {base}, trained on "
        f"{data}.\nIt is in no registry: no evaluation or deployment of it is recorded.\n"
    )


def plain(label: str) -> str:
    """A name for files and for Ollama: letters of ASCII, digits, dots, dashes and underscores."""
    return (
        "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in label).strip(".-_")
        or "model"
    )
