"""Attention in training: over padded rows, and over rows laid end to end, which never look at each other.

For short rows on a CPU three plain matrix products are faster than PyTorch's flash kernel. On a GPU, rows laid end to
end go through PyTorch's variable-length flash attention.
"""

from __future__ import annotations

from inspect import signature
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

try:  # since PyTorch 2.10, with windows since a later one
    from torch.nn.attention.varlen import varlen_attn
except ImportError:
    varlen_attn = None  # type: ignore[assignment]

NAME = "trained_rows"
MAX_ROW_TOKENS = 512  # the scores of a row are kept for the backward pass and grow with the square of its length
MAX_HEAD_SIZE = 256  # of the variable-length kernel, which needs an Ampere GPU
AMPERE = (8, 0)


class Rows(NamedTuple):
    """Rows laid end to end.

    Attributes:
        ends: where each begins and the last one ends, (rows + 1,).
        longest: tokens of the longest.
        window: tokens that each token looks at, itself included, where these are fewer than a row's; else None.
    """

    ends: torch.Tensor
    longest: int
    window: int | None


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention over rows without a mask, or over rows laid end to end; anything else is left to `sdpa`.

    Args:
        query: (batch, heads, time, size); key and value have as many or fewer heads.
        attention_mask: has no meaning where rows are laid end to end.
        scaling: of the scores; one over the square root of size when None.
        kwargs: of `packing.pack`, where rows are laid end to end; the batch is 1.

    Returns:
        (batch, time, heads, size), and None in place of the weights.
    """
    time, size = query.shape[2:]
    scale = size**-0.5 if scaling is None else scaling
    if kwargs.get("cu_seq_lens_q") is not None:
        longest, window = kwargs["max_length_q"], kwargs.get("sliding_window")
        rows = Rows(kwargs["cu_seq_lens_q"], longest, window if window and window < longest else None)
        return _end_to_end((query, key, value), rows, scale, dropout), None
    causal = attention_mask is None and getattr(module, "is_causal", True) and key.shape[2] == time
    plain = not (dropout or kwargs.get("softcap") or kwargs.get("position_bias") is not None)
    if causal and plain and time <= MAX_ROW_TOKENS and not query.is_cuda:
        return _products(query, key, value, scale).transpose(1, 2).contiguous(), None
    result: tuple[torch.Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
    )
    return result


def _products(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float) -> torch.Tensor:
    """Causal attention, (batch, heads, time, size), that keeps the scores.

    The queries that share a key head are stacked along time, so that no key or value is repeated.
    """
    batch, heads, time, size = query.shape
    groups = key.shape[1]
    stacked = (query * scale).reshape(batch * groups, -1, size)
    scores = torch.bmm(stacked, key.reshape(batch * groups, time, size).transpose(1, 2))
    later = torch.full((time, time), float("-inf"), dtype=query.dtype, device=query.device).triu(1)
    weights = torch.softmax(scores.view(-1, heads // groups, time, time) + later, dim=-1)
    mixed = torch.bmm(weights.view(scores.shape), value.reshape(batch * groups, time, -1))
    return mixed.view(batch, heads, time, -1)


def _end_to_end(inputs: tuple[torch.Tensor, ...], rows: Rows, scale: float, dropout: float) -> torch.Tensor:
    """Causal attention of each row alone, (1, time, heads, size), from query, key and value."""
    if not dropout and _has_kernel(inputs):
        query, key, value = (each[0].transpose(0, 1) for each in inputs)
        mixed = varlen_attn(
            *(query, key, value, rows.ends, rows.ends, rows.longest, rows.longest),
            scale=scale,
            window_size=((rows.window or 0) - 1, 0),
            enable_gqa=True,
        )
        assert isinstance(mixed, torch.Tensor)  # noqa: S101 - nothing beside it is requested
        return mixed[None]
    if not dropout and rows.window is None and rows.longest <= MAX_ROW_TOKENS:
        return _padded(inputs, rows, scale)
    return _one_by_one(inputs, rows, scale, dropout)


def _has_kernel(inputs: tuple[torch.Tensor, ...]) -> bool:
    query, _, value = inputs
    if varlen_attn is None or not query.is_cuda or query.dtype not in {torch.float16, torch.bfloat16}:
        return False
    if "window_size" not in signature(varlen_attn).parameters:
        return False
    fits = query.shape[-1] == value.shape[-1] <= MAX_HEAD_SIZE
    return fits and torch.version.hip is None and torch.cuda.get_device_capability(query.device) >= AMPERE


def _padded(inputs: tuple[torch.Tensor, ...], rows: Rows, scale: float) -> torch.Tensor:
    """All rows at once, each moved to a place of its own; the padding behind a row is its last token, which none sees.

    Tokens of another row, which may be of another training, would make it nan if they are: 0 times nan is nan.
    """
    total, device = inputs[0].shape[2], inputs[0].device
    starts, places = rows.ends[:-1, None], torch.arange(rows.longest, device=device)
    exists = (starts + places < rows.ends[1:, None]).flatten()
    source = (starts + places).minimum(rows.ends[1:, None] - 1).flatten()
    tokens = torch.arange(total, device=device)
    row = torch.searchsorted(rows.ends[1:], tokens.to(rows.ends.dtype), right=True)
    place = tokens - rows.ends[row] + row * rows.longest
    query, key, value = (
        _take(each.transpose(1, 2).flatten(2)[0], source, place, None)
        .view(-1, rows.longest, each.shape[1], each.shape[3])
        .transpose(1, 2)
        for each in inputs
    )
    mixed = _products(query, key, value, scale).transpose(1, 2)
    joined = _take(mixed.flatten(2).flatten(0, 1), place, source, exists)
    return joined.view(1, total, *mixed.shape[2:])


def _one_by_one(inputs: tuple[torch.Tensor, ...], rows: Rows, scale: float, dropout: float) -> torch.Tensor:
    parts = []
    for start, end in pairwise(rows.ends.tolist()):
        query, key, value = (each[:, :, start:end] for each in inputs)
        mask = None if rows.window is None else _band(end - start, rows.window, query.device)
        parts.append(
            scaled_dot_product_attention(
                *(query, key, value, mask),
                dropout_p=dropout,
                is_causal=mask is None,
                scale=scale,
                enable_gqa=key.shape[1] < query.shape[1],
            )
        )
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous()


def _band(time: int, window: int, device: torch.device) -> torch.Tensor:
    return torch.ones(time, time, dtype=torch.bool, device=device).tril().triu(1 - window)


FunctionCtx = Any  # PyTorch's context of an autograd function, to which both passes add attributes


class _Taken(torch.autograd.Function):
    """Rows of a table, (rows, numbers), whose gradient is read by the inverse `back` where `index_select` would add.

    Rows that are taken a second time are padding: their gradient counts for nothing, as does that of rows not taken.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, table: torch.Tensor, index: torch.Tensor, back: torch.Tensor, taken: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.save_for_backward(back, taken)
        return table.index_select(0, index)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        back, taken = ctx.saved_tensors
        found = grad.index_select(0, back)
        return found if taken is None else found * taken[:, None], None, None, None


def _take(table: torch.Tensor, index: torch.Tensor, back: torch.Tensor, taken: torch.Tensor | None) -> torch.Tensor:
    found: torch.Tensor = _Taken.apply(table, index, back, taken)  # type: ignore[no-untyped-call]
    return found


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
