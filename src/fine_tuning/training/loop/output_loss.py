"""The loss of the output layer, a part of the tokens at a time: never are the logits of all of them in memory.

With a vocabulary of 128,256 the logits of 16,384 tokens, with their softmax and gradient, take 25 GB. The gradient of a
part is computed together with its loss, so that the part can be forgotten (the idea of Liger's fused cross-entropy, Hsu
et al. 2024, https://arxiv.org/abs/2410.10989, here in PyTorch's own operations for every device).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.distributed.tensor import DTensor
from torch.nn.functional import cross_entropy

LOGITS_AT_ONCE = 1 << 26


class Summed(NamedTuple):
    """The sum of the losses in nats, and the number of targets that are the likeliest token, both scalars."""

    loss: torch.Tensor
    hits: torch.Tensor


def tokens_at_once(vocabulary: int) -> int:
    """Tokens whose logits are in memory together."""
    return max(1, LOGITS_AT_ONCE // vocabulary)


def summed_loss(head: torch.nn.Module, hidden: torch.Tensor, targets: torch.Tensor, cap: float | None) -> Summed:
    """The cross-entropy of an output layer's logits, summed over tokens.

    Args:
        head: (hidden size) to (vocabulary).
        hidden: (tokens, hidden size).
        targets: (tokens,).
        cap: what logits are bent to, as in Gemma 2; None where they are not.
    """
    is_plain = type(head) is torch.nn.Linear and head.bias is None and not isinstance(head.weight, DTensor)
    if is_plain:
        return Summed(*_InParts.apply(hidden, head.weight, targets, cap))  # type: ignore[no-untyped-call]
    logits = capped(head(hidden).float(), cap)
    return Summed(cross_entropy(logits, targets, reduction="sum"), (logits.detach().argmax(-1) == targets).sum())


def capped(logits: torch.Tensor, cap: float | None) -> torch.Tensor:
    """The logits, bent smoothly to stay below the cap."""
    return logits if cap is None else cap * torch.tanh(logits / cap)


FunctionCtx = Any  # PyTorch's context of an autograd function, to which both passes add attributes


class _InParts(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, cap: float | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        of_hidden, of_weight = ctx.needs_input_grad[:2]
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        table = weight.to(dtype)
        grad_hidden = torch.empty_like(hidden) if of_hidden else None
        grad_weight = torch.zeros_like(weight) if of_weight else None
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        hits = torch.zeros((), dtype=torch.int64, device=hidden.device)
        size = tokens_at_once(len(weight))
        for start in range(0, len(hidden), size):
            part, target = hidden[start : start + size].to(dtype), targets[start : start + size]
            logits = capped((part @ table.t()).float(), cap)
            loss += cross_entropy(logits, target, reduction="sum")
            hits += (logits.argmax(-1) == target).sum()
            if not (of_hidden or of_weight):
                continue
            slope = None if cap is None else 1 - (logits / cap) ** 2
            grad = torch.softmax(logits, dim=-1)
            grad[torch.arange(len(target), device=grad.device), target] -= 1
            grad = (grad if slope is None else grad * slope).to(dtype)
            if grad_hidden is not None:
                grad_hidden[start : start + size] = grad @ table
            if grad_weight is not None:
                grad_weight += grad.t() @ part
        ctx.save_for_backward(grad_hidden, grad_weight)
        ctx.mark_non_differentiable(hits)
        return loss, hits

    @staticmethod
    def backward(ctx: FunctionCtx, grad: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        of_hidden, of_weight = ctx.saved_tensors
        scale = grad.to((of_hidden if of_hidden is not None else of_weight).dtype)
        return (
            None if of_hidden is None else of_hidden * scale,
            None if of_weight is None else of_weight * scale,
            None,
            None,
        )
