"""Quantization of a GGUF file's matrices: 16 bits, or blocks of fewer bits with a scale each.

K-quants are computed by llama.cpp's own routine inside xllamacpp; q8_0 and q4_0 need only the `gguf` package.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fine_tuning._util.lazy_imports import import_llama_cpp
from fine_tuning.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Quantization:
    """A quantization: the type of most matrices, the type of the most sensitive ones, and its parity bounds."""

    name: str
    file_type: int  # gguf.LlamaFileType
    matrix_type: str  # gguf.GGMLQuantizationType
    output_type: str  # of the output matrix, or of the embedding tied to it
    min_agreement: float  # share of identical tokens
    max_divergence: float  # nats, mean Kullback-Leibler divergence of the next token's distribution


# The bounds are several times what `benchmarks/bench_banking77.py` measures for a fine-tuned 135M model. With bf16
# weights llama.cpp also rounds the activations.
KINDS = {
    each.name: each
    for each in (
        Quantization("f16", 1, "F16", "F16", 1.0, 0.001),
        Quantization("bf16", 32, "BF16", "BF16", 0.99, 0.001),
        Quantization("q8_0", 7, "Q8_0", "Q8_0", 0.98, 0.01),
        Quantization("q6_k", 18, "Q6_K", "Q8_0", 0.97, 0.02),
        Quantization("q5_k", 17, "Q5_K", "Q6_K", 0.90, 0.1),
        Quantization("q4_k", 15, "Q4_K", "Q6_K", 0.85, 0.2),
        Quantization("q4_0", 2, "Q4_0", "Q8_0", 0.75, 0.6),
    )
}
FALLBACK = "Q8_0"  # for rows that do not divide into a type's blocks


def find(name: str) -> Quantization:
    """The quantization with this name.

    Raises:
        UsageError: the name is unknown; the message lists the known ones.
    """
    try:
        return KINDS[name.lower()]
    except KeyError:
        raise UsageError(f"unknown quantization {name!r}; choose one of {', '.join(KINDS)}") from None


def type_of(chosen: Quantization, gguf_name: str, shape: tuple[int, ...], *, tied: bool) -> Any:
    """The GGUF type of a tensor; norms, biases and RoPE factors stay in 32 bits."""
    import gguf

    if len(shape) == 1:
        return gguf.GGMLQuantizationType.F32
    is_output = gguf_name == "output.weight" or (tied and gguf_name == "token_embd.weight")
    kind = gguf.GGMLQuantizationType[chosen.output_type if is_output else chosen.matrix_type]
    for each in (kind, gguf.GGMLQuantizationType[FALLBACK]):
        if shape[-1] % gguf.GGML_QUANT_SIZES[each][0] == 0:
            return each
    return gguf.GGMLQuantizationType.F16


def count_fallbacks(chosen: Quantization, shapes: Sequence[tuple[int, ...]]) -> int:
    """The number of matrices of these shapes that do not divide into the blocks of the quantization."""
    import gguf

    block = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[chosen.matrix_type]][0]
    return sum(len(shape) > 1 and shape[-1] % block != 0 for shape in shapes)


def quantized(rows: np.ndarray[Any, Any], kind: Any) -> np.ndarray[Any, Any]:
    """Quantize an fp32 matrix to the bytes of a GGUF type.

    Raises:
        MissingDependencyError: only llama.cpp can write this type, and xllamacpp is not installed.
    """
    import gguf
    import numpy as np

    if kind == gguf.GGMLQuantizationType.F32:
        return rows.astype(np.float32, copy=False)
    if kind == gguf.GGMLQuantizationType.F16:
        return rows.astype(np.float16)
    try:
        stored: np.ndarray[Any, Any] = gguf.quants.quantize(rows, kind)
    except NotImplementedError:
        return _by_llama_cpp(np.ascontiguousarray(rows, dtype=np.float32), kind)
    return stored


def _by_llama_cpp(rows: np.ndarray[Any, Any], kind: Any) -> np.ndarray[Any, Any]:
    import gguf
    import numpy as np

    try:
        native = import_llama_cpp().xllamacpp
    except ImportError:
        raise MissingDependencyError("xllamacpp", "serve", f"quantizing to {kind.name}") from None
    quantize = ctypes.CDLL(native.__file__).ggml_quantize_chunk
    quantize.restype = ctypes.c_size_t
    pointer = ctypes.c_void_p
    quantize.argtypes = [ctypes.c_int, pointer, pointer, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, pointer]
    width = rows.shape[-1]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    stored = np.empty((*rows.shape[:-1], width // block * size), dtype=np.uint8)
    written = quantize(int(kind), rows.ctypes.data, stored.ctypes.data, 0, rows.size // width, width, None)
    if written != stored.nbytes:
        raise ValueError(f"llama.cpp wrote {written} bytes of {kind.name} instead of {stored.nbytes}")
    return stored
