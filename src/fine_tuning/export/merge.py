"""Merge a LoRA adapter into the weights of its base model, and write the result as one model folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from peft import PeftModel

from fine_tuning.export.turn_end import stop_at_turn_end

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def merge_adapter(
    network: PeftModel | PreTrainedModel,
    adapter: Path | None = None,
    load_base: Callable[[], PreTrainedModel] | None = None,
) -> PreTrainedModel:
    """The merged model in fp32; a model without adapter is returned unchanged.

    Args:
        network: the trained network; its adapter is merged in place unless `load_base` is given.
        adapter: the folder of the adapter's weights, needed with `load_base`.
        load_base: loads the base model in fp32 where the network's own base is quantized (QLoRA): the adapter is
            merged into the weights that it is served with, not into their 4-bit approximation.
    """
    if not isinstance(network, PeftModel):
        return network
    if load_base is not None:
        network = PeftModel.from_pretrained(load_base(), str(adapter), local_files_only=True)
    merged: PreTrainedModel = network.float().merge_and_unload()
    return merged


def save_merged(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a merged model in 16 bits, with its tokenizer.

    Stored as float16, which rounds weights eight times more finely than bf16, so that little of a small change is
    lost; to be computed in bf16, as its configuration says, because activations of some models leave float16's range.
    """
    stored: dict[int, torch.Tensor] = {}  # by address: weights that share memory stay shared
    weights = {name: stored.setdefault(each.data_ptr(), _half(each)) for name, each in network.state_dict().items()}
    network.save_pretrained(folder, state_dict=weights)
    network.config.dtype = torch.bfloat16
    network.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    stop_at_turn_end(folder)


def _half(weights: torch.Tensor) -> torch.Tensor:
    half = weights.half()
    return half if bool(half.isfinite().all()) else weights.to(torch.bfloat16)
