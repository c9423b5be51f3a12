"""Write a model in Hugging Face's layout as one GGUF file, which llama.cpp and Ollama load."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tuning._util.files import make_folder, temporary_folder, translated_os_errors
from fine_tuning.base_models.pretrained import load_config
from fine_tuning.errors import DataError, MissingDependencyError, NotFoundError
from fine_tuning.export import quantization
from fine_tuning.export.gguf_families import INSTEAD, Family, add_settings, converted, family_of, rope_factors
from fine_tuning.export.gguf_tokenizer import add_tokenizer
from fine_tuning.export.quantization import Quantization

if TYPE_CHECKING:
    from torch import Tensor
_log = logging.getLogger(__name__)


def export_gguf(model_dir: Path, output: Path, quantize: str = "f16") -> Path:
    """Write the model in `model_dir` to `output` as GGUF, with its tokenizer and chat template.

    Weights are read one tensor at a time. An existing `output` is replaced only once the new file is complete.

    Args:
        quantize: how matrices are stored, one of `quantization.KINDS`; norms are float32.

    Returns:
        `output`.

    Raises:
        DataError: llama.cpp or this module does not support the kind of model or tokenizer.
        NotFoundError: a file of the model is missing.
        UsageError: no such quantization.
        MissingDependencyError: the `train` extra is not installed, or xllamacpp for K-quants.
        StorageError: the disk is full or read-only.
    """
    chosen = quantization.find(quantize)
    try:
        import safetensors  # noqa: F401 - read further down
        import torch  # noqa: F401
        from gguf import GGUFWriter
    except ImportError as error:
        raise MissingDependencyError(error.name or "gguf", "train", "writing a GGUF file") from error
    config = load_config(model_dir)
    family = family_of(config, model_dir)
    make_folder(output.parent)
    with translated_os_errors(output, "write"), temporary_folder(output) as folder:
        unfinished = folder / output.name
        writer = GGUFWriter(unfinished, family.architecture)
        try:
            writer.add_name(model_dir.name)
            writer.add_file_type(chosen.file_type)
            add_settings(writer, family, config)
            add_tokenizer(writer, model_dir, config.vocab_size)
            _write_weights(writer, model_dir, family, config, chosen)
        finally:
            writer.close()
        unfinished.replace(output)
    return output


def _write_weights(writer: Any, model_dir: Path, family: Family, config: Any, chosen: Quantization) -> None:
    """Declare every tensor, then write the header and one tensor after the other."""
    import gguf
    import numpy as np
    import torch

    tied = bool(config.tie_word_embeddings)
    factors = {name: torch.tensor(each) for name, each in rope_factors(config).items()}
    tensors = [(name, shape) for name, shape, _ in _tensors(model_dir, family, config, factors)]
    if coarse := quantization.count_fallbacks(chosen, [shape for _, shape in tensors]):
        _log.warning(
            "%s: %d of %d matrices have rows that do not divide into the blocks of %s; these are stored in %s",
            model_dir.name,
            coarse,
            sum(len(shape) > 1 for _, shape in tensors),
            chosen.name,
            quantization.FALLBACK.lower(),
        )
    for name, shape in tensors:
        kind = quantization.type_of(chosen, name, shape, tied=tied)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        stored = (*shape[:-1], shape[-1] // block * size)
        length = int(np.prod(stored))
        plain = {gguf.GGMLQuantizationType.F32: np.float32, gguf.GGMLQuantizationType.F16: np.float16}
        if kind in plain:
            writer.add_tensor_info(name, shape, np.dtype(plain[kind]), length)
        else:
            writer.add_tensor_info(name, stored, np.dtype(np.uint8), length, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, shape, read in _tensors(model_dir, family, config, factors):
        rows = converted(read(), name, family, config)
        kind = quantization.type_of(chosen, name, shape, tied=tied)
        is_half = kind == gguf.GGMLQuantizationType.F16
        extremes = torch.stack(rows.aminmax())  # both NaN where one value is; rounding keeps their order
        if not (extremes.half() if is_half else extremes).isfinite().all():
            what = "values outside the range of float16" if is_half else "NaN or infinite values"
            raise DataError(f"{model_dir}: tensor {name} has {what}: {INSTEAD}")
        writer.write_tensor_data(quantization.quantized(rows.contiguous().numpy(), kind))


def _tensors(
    model_dir: Path, family: Family, config: Any, factors: dict[str, Tensor]
) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    """GGUF's name and shape of each tensor, and a function that reads it; always in the same order."""
    from safetensors import SafetensorError, safe_open

    for name, each in factors.items():
        yield name, tuple(each.shape), lambda each=each: each
    files = sorted(model_dir.glob("model*.safetensors"))
    if not files:
        raise NotFoundError(f"{model_dir} has no model.safetensors; only safetensors weights are read")
    names = tensor_names(family, config)
    for path in files:
        try:
            with safe_open(path, framework="pt") as weights:
                for key in weights.keys():  # noqa: SIM118 - not a dict
                    if key.endswith("rotary_emb.inv_freq") or (key == "lm_head.weight" and config.tie_word_embeddings):
                        continue
                    stem, _, kind = key.rpartition(".")
                    if (name := names.get_name(stem)) is None:
                        what = f"a tensor {key} that a plain {config.model_type} model does not have"
                        raise DataError(f"{path} has {what}: {INSTEAD}")
                    stored = weights.get_slice(key)
                    yield f"{name}.{kind}", tuple(stored.get_shape()), lambda stored=stored: stored[:]
        except SafetensorError as error:
            raise DataError(f"{path} is not a readable safetensors file ({error}); train or fetch it again") from error


def tensor_names(family: Family, config: Any) -> Any:
    """GGUF's names of the tensors of a model; `get_name` takes Hugging Face's without .weight or .bias."""
    import gguf

    architecture = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == family.architecture)
    return gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
