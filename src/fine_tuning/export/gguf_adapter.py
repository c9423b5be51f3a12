"""Write a LoRA adapter in PEFT's layout as a GGUF file, which llama.cpp applies to the GGUF of the base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fine_tuning._util.files import explain_os_error, make_folder, read_json, temporary_folder
from fine_tuning._util.own_process import called_apart
from fine_tuning.base_models.adapter_folder import PAIR, SETTINGS, WEIGHTS, check_adapter
from fine_tuning.base_models.pretrained import load_config
from fine_tuning.errors import DataError, MissingDependencyError
from fine_tuning.export.gguf import tensor_names
from fine_tuning.export.gguf_families import Family, converted, family_of
from fine_tuning.export.made_files import record, signatures, valid_record


def kept_gguf_adapter(adapter_dir: Path, base_dir: Path) -> Path:
    """The adapter as GGUF beside its weights, written at first use and after a change; see `export_gguf_adapter`."""
    path = adapter_dir / "adapter.gguf"
    sources = [adapter_dir / SETTINGS, adapter_dir / WEIGHTS, base_dir / "config.json"]
    if valid_record(path, sources) is None:
        before = signatures(sources)
        called_apart("torch", export_gguf_adapter, adapter_dir, base_dir, path)
        record(path, before)
    return path


def export_gguf_adapter(adapter_dir: Path, base_dir: Path, output: Path) -> Path:
    """Write the adapter in `adapter_dir` to `output`, float16, its rows ordered as llama.cpp orders the base's.

    Args:
        base_dir: the base model's folder, whose config.json names its family.

    Returns:
        `output`.

    Raises:
        DataError: the base's family is unsupported, the adapter does not fit it or has tensors unknown to llama.cpp.
        NotFoundError: a file is missing.
        MissingDependencyError: the `train` extra is not installed.
        StorageError: the disk is full or read-only.
    """
    try:
        from gguf import GGUFWriter
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependencyError(error.name or "gguf", "train", "writing a GGUF file") from error
    check_adapter(adapter_dir, base_dir)
    settings = read_json(adapter_dir / SETTINGS)
    config = load_config(base_dir)
    family = family_of(config, base_dir)
    tensors = _tensors(load_file(adapter_dir / WEIGHTS), family, config, adapter_dir)
    make_folder(output.parent)
    try:
        with temporary_folder(output) as folder:
            unfinished = folder / output.name
            writer = GGUFWriter(unfinished, family.architecture)
            try:
                writer.add_type("adapter")
                writer.add_string("adapter.type", "lora")
                writer.add_float32("adapter.lora.alpha", float(settings["lora_alpha"]))
                for name, rows in tensors.items():
                    writer.add_tensor(name, rows.half().contiguous().numpy())
                writer.write_header_to_file()
                writer.write_kv_data_to_file()
                writer.write_tensors_to_file()
            finally:
                writer.close()
            unfinished.replace(output)
    except OSError as error:
        raise explain_os_error(error, output, "write") from error
    return output


def _tensors(stored: dict[str, Any], family: Family, config: Any, adapter_dir: Path) -> dict[str, Any]:
    names, tensors = tensor_names(family, config), {}
    for key, rows in stored.items():
        match = PAIR.fullmatch(key)
        name = names.get_name(match["layer"]) if match else None
        if match is None or name is None:
            raise DataError(f"{adapter_dir} has a tensor {key} that llama.cpp does not support")
        side, name = match["side"].lower(), f"{name}.weight"
        tensors[f"{name}.lora_{side}"] = converted(rows, name, family, config) if side == "b" else rows
    return tensors
