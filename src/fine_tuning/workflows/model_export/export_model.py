"""Exports a fine-tuned model for other programs, after a parity check against its trainer's model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fine_tuning._util.files import atomic_folder, make_folder, translated_os_errors
from fine_tuning.base_models.model_folder import weights_sha256
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.export import compare_models, modelfile, ollama
from fine_tuning.export import token_parity as parity
from fine_tuning.export.token_parity import Messages, Parity
from fine_tuning.store import exports
from fine_tuning.store.records.exports import NewExport
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.loop import training_prompts
from fine_tuning.workflows.model_export.composed_export import export_composed, new_folder
from fine_tuning.workflows.model_export.export_plan import Exported, ExportPlan
from fine_tuning.workflows.model_export.exported_card import write_card
from fine_tuning.workflows.model_export.exported_weights import write_weights
from fine_tuning.workflows.model_export.run_command import run_command
from fine_tuning.workflows.model_export.source_model import SourceModel, find_source

_log = logging.getLogger(__name__)


def export_model(
    plan: ExportPlan,
    *,
    workspace: Workspace,
    on_message: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write a local model for other programs, unless the parity check against its trainer's model fails.

    Args:
        on_message: called with each step.

    Raises:
        ProviderError: Ollama does not answer or refuses; the files are written.
        NotFoundError: there is no such model, or it is not on this machine, or it has no adapter.
        ConflictError: the parity check fails (the message has the first difference), or the folder is not empty.
        UsageError: the model is quantized, and the plan is of other weights.
        DataError: the model's family cannot be written as GGUF.
    """
    if (composed := export_composed(plan, workspace)) is not None:
        return composed
    source = find_source(workspace, plan.name)
    if (kind := source.quantization) is not None and plan.gguf_type != kind:
        raise UsageError(f"{source.label} is quantized: export it with --to gguf or ollama, and --quantize {kind}")
    folder = new_folder(Path(plan.output or f"{source.file_name}-{plan.target}").absolute())
    if plan.target == "ollama":
        modelfile.check_name(source.file_name)
    if plan.create:
        ollama.check(workspace.settings.ollama_host)
    make_folder(folder.parent)
    with atomic_folder(folder) as unfinished, translated_os_errors(folder, "write"):
        weights, gguf = write_weights(source, plan, unfinished, on_message)
        prompts: Sequence[Messages] = (
            training_prompts.of(source.training_file, plan.prompts) or parity.PROMPTS[: plan.prompts]
        )
        folder_compared = source.merged if gguf is not None else unfinished
        found = compare_models.compare(folder_compared, source.trainer, gguf, prompts, on_message)
        _check_parity(source.label, found, force=plan.force)
        if plan.target == "ollama":
            _check_modelfile(source, prompts, force=plan.force)
        command = run_command(source, plan.target, folder, folder / weights.name)
        if plan.target == "ollama":
            text = modelfile.modelfile(source.merged, source.file_name, None, weights=f"./{weights.name}")
            (unfinished / "Modelfile").write_text(text, encoding="utf-8")
        checksum = weights_sha256(weights)
        figures = {model: each.as_dict() for model, each in found.items()}
        write_card(workspace, source, unfinished, figures)
        record: NewExport = {
            "job_id": source.job_id,
            "target": plan.target,
            "quantization": plan.gguf_type,
            "path": str(folder),
            "sha256": checksum,
            "parity": figures,
        }
        _record(workspace, source, record)  # before the folder is there: whoever finds it finds its record
    exported = Exported(folder, folder / weights.name, found, command)
    if plan.create:
        ollama.create(
            workspace.settings.ollama_host, source.merged, source.file_name, None, on_message, exported.weights
        )
    return exported


def _check_parity(label: str, found: Mapping[str, Parity], *, force: bool) -> None:
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


def _check_modelfile(source: SourceModel, prompts: Sequence[Messages], *, force: bool) -> None:
    differing = modelfile.differing_prompt(source.merged, prompts)
    if differing is None:
        return
    shown = f"Ollama would render another text than the trainer's chat template for the prompt {differing!r}"
    if not force:
        raise ConflictError(f"{shown}. Nothing was written; --force (force=True) writes it anyway")
    _log.warning("%s", shown)


def _record(workspace: Workspace, source: SourceModel, export: NewExport) -> None:
    name = None if source.version is None else source.version["model_name"]
    number = None if source.version is None else source.version["version"]
    with workspace.database.write() as tx:
        exports.add(tx, export, name, number)
