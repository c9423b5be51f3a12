"""Choose the fastest precision on this machine."""

from __future__ import annotations

from typing import Literal

import torch

from fine_tuning.training.loop.training_config import Precision


def choose(precision: Precision) -> Literal["bf16", "fp32"]:
    """bf16 where a GPU or the CPU (AVX-512 BF16 or AMX) computes in it, else fp32; an explicit choice is kept."""
    if precision != "auto":
        return precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if cpu_has_bf16() else "fp32"


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 matrices natively."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
