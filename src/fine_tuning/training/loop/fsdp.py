"""Full fine-tuning on several workers: each holds a shard of the weights, gradients and Adam's moments (FSDP).

The weights of one layer at a time are gathered for computing. A checkpoint has all of them in one piece and the
optimizer's state by the weights' names, so that any number of workers, or one, can go on from it.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import distributed
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    ValueType,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from transformers.distributed import DistributedConfig
from transformers.distributed.fsdp import is_fsdp_managed_module
from transformers.distributed.utils import gather_full_state_dict

from fine_tuning.training.loop.library_types import Network
from fine_tuning.training.loop.training_config import TrainingConfig

OPTIMIZER = "optimizer.pt"
_IN_ONE_PIECE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def is_wanted(config: TrainingConfig) -> bool:
    """Whether the weights are sharded; an adapter is small, and every worker holds its frozen base."""
    return config.tuning == "full" and distributed.is_initialized() and distributed.get_world_size() > 1


def plan(config: TrainingConfig) -> DistributedConfig | None:
    """The sharding plan for `from_pretrained`; None without sharding."""
    return DistributedConfig(fsdp_size=distributed.get_world_size()) if is_wanted(config) else None


def in_one_piece(network: Network) -> Network | None:
    """The unsharded network: of a sharded one a full copy on the first worker, None on the others.

    Every worker must call it.
    """
    if not is_fsdp_managed_module(network):
        return network
    weights = gather_full_state_dict(network)
    if distributed.get_rank() != 0:
        return None
    config = copy.deepcopy(network.config)
    config.distributed_config = None
    return type(network).from_pretrained(None, config=config, state_dict=weights, dtype=torch.float32)


def load_weights(network: Network, folder: Path) -> None:
    """Load each worker's shard of the weights in a folder."""
    found: dict[str, ValueType] = {}
    for file in folder.glob("*.safetensors"):
        found |= load_file(file)
    options = StateDictOptions(full_state_dict=True, strict=False)  # weights that are one are written once
    set_model_state_dict(network, found, options=options)


def save_optimizer(network: Network, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Write the optimizer's state by the weights' names. Every worker must call it."""
    state = get_optimizer_state_dict(network, optimizer, options=_IN_ONE_PIECE)
    if not distributed.is_initialized() or distributed.get_rank() == 0:
        torch.save(state, folder / OPTIMIZER)


def load_optimizer(network: Network, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Load the state that `save_optimizer` wrote."""
    state = torch.load(folder / OPTIMIZER, map_location="cpu", weights_only=True)
    set_optimizer_state_dict(network, optimizer, state, options=StateDictOptions(full_state_dict=True))
