"""Writes the weights of a model in the format of an export."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from fine_tuning._util.files import read_json, write_json
from fine_tuning.base_models import catalogue
from fine_tuning.base_models.model_folder import weights_file
from fine_tuning.errors import DataError, NotFoundError
from fine_tuning.export.compare_models import Gguf
from fine_tuning.export.gguf import export_gguf
from fine_tuning.export.gguf_adapter import export_gguf_adapter
from fine_tuning.export.kept_gguf import is_kept_gguf, kept_gguf
from fine_tuning.export.turn_end import stop_at_turn_end
from fine_tuning.workflows.model_export.export_plan import ExportPlan
from fine_tuning.workflows.model_export.source_model import SourceModel

ADAPTER = "adapter_model.safetensors"
TOKENIZER_FILES = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"}


def write_weights(
    source: SourceModel, plan: ExportPlan, folder: Path, on_message: Callable[[str], None]
) -> tuple[Path, Gguf | None]:
    """Write the weights, and for safetensors the tokenizer and settings beside them.

    Returns:
        The file of the weights, and what llama.cpp loads for the parity check.
    """
    name, kind = source.file_name, plan.gguf_type
    if plan.target == "peft":
        on_message("copying the adapter")
        if note := note_on_base(source):
            on_message(note)
        return _write_peft_adapter(source, folder), None
    if kind is None:
        on_message("copying the weights")
        for path in sorted(source.merged.iterdir()):
            if path.is_file() and not is_kept_gguf(path):
                shutil.copyfile(path, folder / path.name)
        stop_at_turn_end(folder)
        weights = weights_file(folder)
        if not weights.is_file():
            raise NotFoundError(f"there are no weights at {source.merged}; train the model again")
        return weights, None
    on_message(f"writing GGUF ({kind})")
    if plan.target == "adapter":
        base, adapter = base_and_adapter(source)
        weights = export_gguf_adapter(adapter, base, folder / f"{name}.adapter.gguf")
        return weights, Gguf(base_gguf(base), kind, weights)
    weights = export_gguf(source.merged, folder / f"{name}.{kind}.gguf", kind)
    return weights, Gguf(weights, kind)


def _write_peft_adapter(source: SourceModel, folder: Path) -> Path:
    """The adapter as PEFT loads it, with the name by which others find its base model, and the tokenizer."""
    base, adapter = base_and_adapter(source)
    shutil.copyfile(adapter / ADAPTER, folder / ADAPTER)
    config = read_json(adapter / "adapter_config.json")
    write_json(folder / "adapter_config.json", {**config, "base_model_name_or_path": shared_base(source)})
    for path in sorted(base.iterdir()):
        if path.name in TOKENIZER_FILES:
            shutil.copyfile(path, folder / path.name)
    return folder / ADAPTER


def shared_base(source: SourceModel) -> str:
    """The base model's id at Hugging Face's hub; its path here where it has none."""
    found = catalogue.hub_id(source.base_name) if source.base_name else None
    return found or str(base_and_adapter(source)[0])


def note_on_base(source: SourceModel) -> str | None:
    """What others need to use the adapter whose base model is a folder of this machine; None where a hub has it."""
    base = shared_base(source)
    if not Path(base).is_absolute():
        return None
    return f"its base model is the folder {base} of this machine: pass it on, and name it to PEFT where it is used"


def base_and_adapter(source: SourceModel) -> tuple[Path, Path]:
    """The base model of a model with an adapter, and the adapter.

    Raises:
        NotFoundError: it has none.
    """
    base, adapter = source.trainer or (source.merged, None)
    if adapter is None:
        raise NotFoundError(f"{source.label} has no adapter here; export the merged model with --to gguf")
    return base, adapter


def base_gguf(base: Path) -> Path:
    """The GGUF of a base model.

    Raises:
        DataError: llama.cpp does not support the model.
    """
    kept = kept_gguf(base)
    if kept is None:
        raise DataError(f"llama.cpp does not support the base model {base.name}, so its adapter cannot be exported")
    return kept
