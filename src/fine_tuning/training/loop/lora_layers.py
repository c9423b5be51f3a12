"""LoRA adapters whose products run in the base model's precision, with as few passes over memory as possible.

PEFT copies each input to fp32, multiplies and adds there, and copies back; on a CPU that costs as much as the base
model's own products. Here the adapter adds onto the base product in place. Its weights and their gradients stay fp32.
Formula: y = W x + scale * B (A x), Hu et al. 2021, https://arxiv.org/abs/2106.09685.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import Linear
from torch.nn.functional import linear

from fine_tuning.training.loop.library_types import Network
from fine_tuning.training.loop.training_config import TrainingConfig


def add_adapters(model: Network, config: TrainingConfig) -> PeftModel:
    """Freeze `model` and adapt every linear layer but the output layer, in all or the uppermost decoder layers."""
    layers = model.config.get_text_config().num_hidden_layers
    first = max(0, layers - (config.trained_layers or layers))
    head = model.get_output_embeddings()
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    settings = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=sorted(found),
        layers_to_transform=list(range(first, layers)),
        task_type="CAUSAL_LM",
    )
    if config.tuning == "lora":  # 4-bit layers have their own product
        settings._register_custom_module({torch.nn.Linear: LeanLinear})
    return get_peft_model(model, settings)


class LeanLinear(Linear):  # type: ignore[misc]
    """PEFT's LoRA layer with `_LoraProduct` in place of its forward pass where the result is the same."""

    def forward(self, x: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        """The adapted linear map of `x`, (..., in) to (..., out)."""
        base = self.get_base_layer()
        name = self.active_adapters[0]
        plain = not (self.disable_adapters or self.merged or self.lora_variant or args or kwargs)
        if not plain or not isinstance(self.lora_dropout[name], torch.nn.Identity) or x.dtype != base.weight.dtype:
            result: torch.Tensor = super().forward(x, *args, **kwargs)
            return result
        a, b = self.lora_A[name].weight, self.lora_B[name].weight
        return product(x, base, [Adapter(slice(None), self.scaling[name], a, b)])


class Adapter(NamedTuple):
    """The adapter of some tokens: `a` is (rank, in) and `b` (out, rank), usually fp32."""

    tokens: slice
    scale: float
    a: torch.Tensor
    b: torch.Tensor


def product(x: torch.Tensor, base: torch.nn.Linear, adapters: Sequence[Adapter]) -> torch.Tensor:
    """The adapted linear map of `x`, (..., in) to (..., out); tokens are counted over all but the last dimension."""
    tokens, scales = [each.tokens for each in adapters], [each.scale for each in adapters]
    pairs = [weight for each in adapters for weight in (each.a, each.b)]
    found: torch.Tensor = _LoraProduct.apply(  # type: ignore[no-untyped-call]
        x, base.weight, base.bias, tokens, scales, *pairs
    )
    return found


FunctionCtx = Any  # PyTorch's context of an autograd function, to which both passes add attributes


class _LoraProduct(torch.autograd.Function):
    """The base weight and bias are constants; `pairs` are `a` and `b` of each adapter in turn."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        tokens: list[slice],
        scales: list[float],
        *pairs: torch.Tensor,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        out = linear(rows, weight, bias)
        kept = []
        for part, scale, a, b in zip(tokens, scales, pairs[::2], pairs[1::2], strict=True):
            small_a, small_b = a.to(x.dtype), (b * scale).to(x.dtype)
            inner = rows[part] @ small_a.t()
            out[part].addmm_(inner, small_b.t())
            kept += [small_a, small_b, inner]
        ctx.save_for_backward(rows, weight, *kept)
        ctx.tokens, ctx.scales, ctx.shape = tokens, scales, x.shape
        ctx.dtype = pairs[0].dtype if pairs else None
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, *kept = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        grad_x = grad @ weight if ctx.needs_input_grad[0] else None
        of_pairs: list[torch.Tensor | None] = []
        each = zip(ctx.tokens, ctx.scales, kept[::3], kept[1::3], kept[2::3], strict=True)
        for part, scale, small_a, small_b, inner in each:
            grad_inner = grad[part] @ small_b
            if grad_x is not None:
                grad_x[part].addmm_(grad_inner, small_a)
            of_pairs += [
                (grad_inner.t() @ rows[part]).to(ctx.dtype),
                (grad[part].t() @ inner).to(ctx.dtype) * scale,
            ]
        return None if grad_x is None else grad_x.view(ctx.shape), None, None, None, None, *of_pairs
