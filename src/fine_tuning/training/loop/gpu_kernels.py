"""Fused norms and feed-forward layers of Liger-Kernel (Hsu et al. 2024, https://arxiv.org/abs/2410.10989) on a GPU.

Its package is optional. Of its cross-entropy nothing is used; see `output_loss`.
"""

from __future__ import annotations

import sys

import torch
from transformers.integrations.liger import apply_liger_kernel
from transformers.utils import is_liger_kernel_available

from fine_tuning.training.loop.library_types import Network

# Rotary embeddings and losses are replaced for all models of a process, also those that are on a CPU.
_OF_LAYERS = {"rope": False, "cross_entropy": False, "fused_linear_cross_entropy": False}


def use_fused_layers(model: Network) -> None:
    """Let the model's own layers use fused kernels, where there are a GPU and the package."""
    if torch.cuda.is_available() and is_liger_kernel_available():
        fuse_layers(model)


def fuse_layers(model: Network) -> None:
    """Replace the forward passes of this model's layers; models that are made later have the library's."""
    module = sys.modules[type(model).__module__]
    before = dict(vars(module))
    apply_liger_kernel(model, _OF_LAYERS)
    vars(module).update(before)
