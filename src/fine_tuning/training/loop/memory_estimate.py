"""Estimate the memory of a training run before it starts."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from accelerate.utils.memory import should_reduce_batch_size
from peft.tuners.lora.layer import LoraLayer
from torch.distributed.tensor import DTensor

from fine_tuning.training.loop import attention
from fine_tuning.training.loop.library_types import Network
from fine_tuning.training.loop.lora_layers import LeanLinear
from fine_tuning.training.loop.output_loss import tokens_at_once
from fine_tuning.training.loop.packing import can_pack

GB = 1e9
CGROUP = Path("/sys/fs/cgroup")  # Linux's control group of a container
# Numbers kept for the backward pass of a layer, by token: in units of the hidden size (norms, attention's inputs and
# output, residuals) and of the feed-forward's (gate, up, their product). Counted in transformers' llama layer.
OF_HIDDEN, OF_FEED_FORWARD = 12, 4
OF_PLAIN_INPUT = 6  # bytes: of each number that enters one of PEFT's own adapters, in fp32 and once more in 16 bits
OF_TRAINED = 4 + 4 + 8  # bytes: the master weight, its gradient, Adam's two moments
OF_LOGIT = 4 + 4 + 4  # bytes: the logit in fp32, its logarithm of the softmax, its gradient


class Needed(NamedTuple):
    """Estimated bytes by purpose."""

    weights: int
    trained: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        """All together."""
        return sum(self)


def needed(
    model: Network,
    rows: Sequence[dict[str, list[int]]],
    micro_batch: int,
    ignored: int,
    *,
    checkpointing: bool = False,
) -> Needed:
    """An estimate for the largest micro-batch that these rows can make.

    Args:
        model: with its adapters.
        rows: `input_ids` and `labels` of each, of pairs also `rejected_ids` and `rejected_labels`.
        ignored: the label of tokens that are not trained on.
        checkpointing: whether each layer keeps its input alone and is computed again in the backward pass.
    """
    config = model.config
    parameters = _local(model)
    trained = sum(each.numel() for each in parameters if each.requires_grad)
    weights = sum(each.numel() * each.element_size() for each in parameters if not each.requires_grad)
    size = 2 if any(each.element_size() == 2 for each in parameters) else 4
    is_pair = "rejected_ids" in rows[0]
    sides = [("input_ids", "labels"), *([("rejected_ids", "rejected_labels")] if is_pair else [])]
    lengths = [max(len(row[name]) for name, _ in sides) for row in rows]
    labels = [sum(label != ignored for _, name in sides for label in row[name]) for row in rows]
    padded = max(lengths) * min(micro_batch, len(rows)) * len(sides)
    tokens = _largest(lengths, micro_batch) if can_pack(model) and not is_pair else padded
    per_token = OF_HIDDEN * config.hidden_size + OF_FEED_FORWARD * config.intermediate_size
    in_layers = tokens * per_token * size
    if not torch.cuda.is_available() and max(lengths) <= attention.MAX_ROW_TOKENS:
        # Scores before and after the softmax; other kernels compute them anew.
        in_layers += padded * 2 * config.num_attention_heads * max(lengths) * size
    plain = (each for each in model.modules() if isinstance(each, LoraLayer) and not isinstance(each, LeanLinear))
    in_adapters = tokens * sum(each.in_features for each in plain) * OF_PLAIN_INPUT
    layers = config.num_hidden_layers
    if checkpointing:
        activations = layers * tokens * config.hidden_size * size + in_layers + in_adapters // layers
    else:
        activations = layers * in_layers + in_adapters
    labelled = _largest(labels, micro_batch)
    at_once = labelled if is_pair else min(labelled, tokens_at_once(config.vocab_size))
    logits = at_once * config.vocab_size * OF_LOGIT
    return Needed(weights, trained * OF_TRAINED, activations, logits)


def _local(model: Network) -> list[torch.Tensor]:
    return [each.to_local() if isinstance(each, DTensor) else each for each in model.parameters()]


def _largest(numbers: list[int], count: int) -> int:
    """The sum of the largest ones."""
    return sum(sorted(numbers, reverse=True)[:count])


def ran_out(error: Exception) -> bool:
    """Whether an error means that a CPU or GPU ran out of memory."""
    no_stack = "can't start new thread" in str(error)  # each has its own stack; Python raises a bare RuntimeError
    return isinstance(error, MemoryError) or no_stack or bool(should_reduce_batch_size(error))


def release_memory() -> None:
    """Free the memory of a failed run."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def free() -> int:
    """Bytes that are free where the training runs: the GPU's, else the machine's, the container's or the process's.

    Of a GPU also those that this process holds, as the weights are a part of what is needed.
    """
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0]) + torch.cuda.memory_reserved()
    left = [int(psutil.virtual_memory().available)]
    with suppress(OSError, ValueError):  # of a container: "max" where it has no limit
        left.append(int(CGROUP.joinpath("memory.max").read_text()) - int(CGROUP.joinpath("memory.current").read_text()))
    with suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            left.append(limit - psutil.Process().memory_info().vms)
    return max(0, min(left))


def summary(need: Needed, available: int) -> str:
    """The estimate in a line, with advice if it exceeds the available memory."""
    parts = ", ".join(f"{size / GB:.2f} {name}" for name, size in need._asdict().items())
    line = f"about {need.total / GB:.2f} GB of memory are needed ({parts}), {available / GB:.2f} GB are free"
    if need.total <= available:
        return line
    return f"{line}: it may not fit; lower micro_batch_size (the steps stay the same) or max_length"
