"""Compiled decoder layers, for runs long enough to amortize the compile time.

A step of a small model on a CPU spends a third of its time on what is between the matrix products; compiled, those
operations are a few passes over memory instead of dozens. `benchmarks/bench_training.py` measures what it brings.
"""

from __future__ import annotations

import os
import shutil

import torch

from fine_tuning.training.loop.library_types import Network
from fine_tuning.training.loop.time_estimate import FLOPS_PER_PARAMETER_AND_TOKEN
from fine_tuning.training.loop.training_config import TrainingConfig

# Floating-point operations from which on it pays on a CPU: some four minutes of them, against half a one of compiling.
WORTH = 5e13


def is_wanted(config: TrainingConfig, parameters: int, tokens: int) -> bool:
    """Whether to compile a run on this total number of tokens; the same before and after a pause."""
    if config.compile_layers is not None:
        return config.compile_layers
    plain = config.method == "supervised" and config.tuning == "lora"
    is_long = FLOPS_PER_PARAMETER_AND_TOKEN * parameters * tokens >= WORTH
    return plain and is_long and not torch.cuda.is_available() and has_compiler()


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
