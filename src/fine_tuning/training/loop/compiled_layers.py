"""Compiled decoder layers, for runs long enough to amortize the compile time.

A step of a small model on a CPU spends a third of its time on what is between the matrix products; compiled, those
operations are a few passes over memory instead of dozens. `benchmarks/bench_training.py` measures what it brings.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import torch

from fine_tuning.training.loop.library_types import Network
from fine_tuning.training.loop.time_estimate import FLOPS_PER_PARAMETER_AND_TOKEN
from fine_tuning.training.loop.training_config import TrainingConfig

# Floating-point operations from which on it pays on a CPU: some four minutes of them, against half a one of compiling.
# Where PyTorch's cache has the code from a job before, a fifth of that is left, to trace the layers.
WORTH, WORTH_KEPT = 5e13, 1.25e13
CACHE = "TORCHINDUCTOR_CACHE_DIR"  # the variable that names the cache's folder
MARK = "compiled"  # in the folder of a training


def is_wanted(config: TrainingConfig, parameters: int, tokens: int, *, kept: bool = False) -> bool:
    """Whether to compile the layers for a training on this total number of tokens.

    Args:
        kept: the compiled code is in the cache.
    """
    if config.compile_layers is not None:
        return config.compile_layers
    plain = config.method == "supervised" and config.tuning == "lora"
    is_long = FLOPS_PER_PARAMETER_AND_TOKEN * parameters * tokens >= (WORTH_KEPT if kept else WORTH)
    return plain and is_long and not torch.cuda.is_available() and has_compiler()


def was_chosen(folder: Path) -> bool:
    """Whether a training compiled its layers before its pause, so that it goes on in the same way."""
    return (folder / MARK).is_file()


def choose(folder: Path) -> None:
    """Note that a training compiles its layers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def is_kept(model: Network) -> bool:
    """Whether an earlier job has left the code of such layers in the cache."""
    mark = _mark_in_cache(model)
    return mark is not None and mark.is_file()


def keep(model: Network) -> None:
    """Note that the cache has the code of these layers."""
    mark = _mark_in_cache(model)
    if mark is not None and mark.parent.is_dir():
        mark.touch()


def _mark_in_cache(model: Network) -> Path | None:
    """Of the kind of the layers, which the code is for; None where no folder is named."""
    if not (folder := os.environ.get(CACHE)):
        return None
    layer = model.get_decoder().layers[0]
    kinds = sorted({str(each.dtype) for each in layer.parameters()})
    cpu = torch.backends.cpu.get_cpu_capability()
    kind = f"{torch.__version__} {cpu} {kinds} {layer.gradient_checkpointing} {layer}"
    return Path(folder) / f"kept-{hashlib.sha256(kind.encode()).hexdigest()[:32]}"


def has_compiler() -> bool:
    """Whether there is a C++ compiler for the code that PyTorch generates."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def compile_layers(model: Network) -> None:
    """Compile the decoder layers at first use; they have the same structure, so it happens once."""
    for layer in model.get_decoder().layers:
        layer.compile(dynamic=True)


def undo(model: Network) -> None:
    """Remove the compiled code, which does not match layers after merging."""
    for layer in model.get_decoder().layers:
        layer._compiled_call_impl = None
