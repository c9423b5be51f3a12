"""Attention for short rows on a CPU: three plain matrix products are faster there than PyTorch's flash kernel."""

from __future__ import annotations

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "short_rows"
MAX_ROW_TOKENS = 512  # the scores of a row are kept for the backward pass and grow with the square of its length


def short_rows(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: object,
) -> tuple[torch.Tensor, None]:
    """Causal attention over rows without a mask; anything else is left to `sdpa`.

    The queries that share a key head are stacked along time, so that no key or value is repeated.

    Args:
        query: (batch, heads, time, size); key and value have as many or fewer heads.
        scaling: of the scores; one over the square root of size when None.

    Returns:
        (batch, time, heads, size), and None in place of the weights.
    """
    batch, heads, time, size = query.shape
    groups = key.shape[1]
    causal = attention_mask is None and getattr(module, "is_causal", True) and key.shape[2] == time
    if (
        not causal
        or time > MAX_ROW_TOKENS
        or dropout
        or kwargs.get("softcap")
        or kwargs.get("position_bias") is not None
    ):
        result: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return result
    stacked = (query * (size**-0.5 if scaling is None else scaling)).reshape(batch * groups, -1, size)
    scores = torch.bmm(stacked, key.reshape(batch * groups, time, size).transpose(1, 2))
    later = torch.full((time, time), float("-inf"), dtype=query.dtype, device=query.device).triu(1)
    weights = torch.softmax(scores.view(-1, heads // groups, time, time) + later, dim=-1)
    mixed = torch.bmm(weights.view(scores.shape), value.reshape(batch * groups, time, size))
    return mixed.view(batch, heads, time, size).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, short_rows)
AttentionMaskInterface.register(NAME, sdpa_mask)
