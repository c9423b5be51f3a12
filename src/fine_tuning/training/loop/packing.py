"""Rows laid end to end: no product is spent on padding, and attention never crosses from one row to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from fine_tuning.training.loop.library_types import Network

PackedInputs = dict[str, torch.Tensor | int]
_APART = {"full_attention", "sliding_attention"}  # kinds of layers that can keep the rows apart


class Packed(NamedTuple):
    """The rows of a batch as one row.

    Attributes:
        tokens: of the padded batch, (rows, longest), those that are kept; of a row without any its first.
        inputs: arguments of a decoder, under transformers' names for packed rows.
    """

    tokens: torch.Tensor
    inputs: PackedInputs


def can_pack(model: Network) -> bool:
    """Whether the rows stay apart in this kind of model: nothing but attention looks at other tokens.

    Recurrent and convolutional layers carry a state on, and biases by distance count along the whole row.
    """
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    takes_lengths = model._supports_flash_attn and model._supports_sdpa and model._supports_attention_backend
    has_state = getattr(model, "_is_stateful", False)
    return bool(takes_lengths and not has_state and kinds <= _APART)


def pack(input_ids: torch.Tensor, mask: torch.Tensor) -> Packed:
    """The rows of a batch that is padded on the right, end to end.

    Args:
        input_ids: (rows, longest).
        mask: (rows, longest), not 0 where there is a token.
    """
    tokens = mask != 0
    tokens[:, 0] = True
    lengths = tokens.sum(dim=1)
    ends = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    longest = int(lengths.max())
    return Packed(
        tokens,
        {
            "input_ids": input_ids[tokens][None],
            "position_ids": places[tokens][None],
            # A mask in four dimensions is given to the layers as it is; theirs would be of the square of all tokens.
            "attention_mask": torch.ones(1, 1, 1, 1, dtype=torch.bool, device=tokens.device),
            **_lengths(ends, longest),
        },
    )


def end_to_end(packed: Sequence[PackedInputs]) -> PackedInputs:
    """The rows of several packed batches as those of one."""
    ends = [torch.as_tensor(each["cu_seq_lens_q"]) for each in packed]
    starts = torch.tensor([0, *(int(each[-1]) for each in ends)]).cumsum(0).tolist()
    joined = torch.cat([ends[0][:1], *(each[1:] + start for each, start in zip(ends, starts, strict=False))])
    longest = max(int(each["max_length_q"]) for each in packed)
    return {
        **{
            name: torch.cat([torch.as_tensor(each[name]) for each in packed], dim=1)
            for name in ("input_ids", "position_ids")
        },
        "attention_mask": packed[0]["attention_mask"],
        **_lengths(joined.to(torch.int32), longest),
    }


def _lengths(ends: torch.Tensor, longest: int) -> PackedInputs:
    return {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": longest, "max_length_k": longest}
