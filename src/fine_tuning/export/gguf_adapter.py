"""Write a LoRA adapter in PEFT's layout as a GGUF file, which llama.cpp puts on the base model's own GGUF."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from fine_tuning.base_models.llama_layout import rotated_heads, to_gguf, to_pairs
from fine_tuning.errors import DataError, MissingDependencyError
from fine_tuning.files import explain_os_error, make_folder, read_json

WEIGHTS = "adapter_model.safetensors"
_KEY = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")


def kept_gguf_adapter(adapter_dir: Path, base_dir: Path) -> Path:
    """The adapter as GGUF beside its weights, made at first use; see `export_gguf_adapter`."""
    path = adapter_dir / "adapter.gguf"
    return path if path.is_file() else export_gguf_adapter(adapter_dir, base_dir, path)


def export_gguf_adapter(adapter_dir: Path, base_dir: Path, output: Path) -> Path:
    """Write the adapter in `adapter_dir` to `output`, float16, with the rows of query and key as llama.cpp orders them.

    Args:
        base_dir: the base model's folder, whose config.json says how many heads share the rows.

    Returns:
        `output`.

    Raises:
        DataError: the adapter is none for a plain llama.
        NotFoundError: a file is missing.
        MissingDependencyError: the `train` extra is not installed.
        StorageError: the disk is full or read-only.
    """
    try:
        from gguf import GGUFWriter
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependencyError(error.name or "gguf", "train", "writing a GGUF file") from error
    settings = read_json(adapter_dir / "adapter_config.json")
    config = read_json(base_dir / "config.json")
    tensors = _tensors(load_file(adapter_dir / WEIGHTS), config, adapter_dir)
    make_folder(output.parent)
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
            unfinished = Path(folder) / output.name
            writer = GGUFWriter(unfinished, "llama")
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


def _tensors(stored: dict[str, Any], config: dict[str, Any], adapter_dir: Path) -> dict[str, Any]:
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    tensors = {}
    for key, rows in stored.items():
        match = _KEY.fullmatch(key)
        name = to_gguf(f"{match['layer']}.weight") if match else None
        if match is None or name is None:
            raise DataError(f"{adapter_dir} has a tensor {key} that llama.cpp has no place for")
        if match["side"] == "B" and (shared := rotated_heads(name, heads, kv_heads)):
            rows = to_pairs(rows, shared)
        tensors[f"{name}.lora_{match['side'].lower()}"] = rows
    return tensors
