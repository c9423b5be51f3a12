"""Names and layout of a llama model's tensors in a GGUF file and in a Hugging Face folder.

The two formats hold the same numbers under different names; the rows of query and key projections also have a
different order, because llama.cpp rotates neighbouring pairs and transformers rotates halves (RoPE). Importing and
exporting both read this one table, so a round trip gives back the same model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
PreTokenizer = dict[str, object]  # `pre_tokenizer` of a tokenizer.json
PRE_TOKENIZERS: dict[str, PreTokenizer] = {
    "smollm": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, _BYTE_LEVEL]},
    "gpt-2": _BYTE_LEVEL,
}
"""llama.cpp's name of a way to cut text before BPE -> the `pre_tokenizer` of tokenizer.json that cuts the same way."""


def to_hugging_face(name: str) -> str | None:
    """Hugging Face's name of the GGUF tensor `name`; None if a llama has no such tensor."""
    if match := re.fullmatch(r"blk\.(\d+)\.(\w+)\.(weight|bias)", name):
        part = _BLOCK.get(match[2])
        return part and f"model.layers.{match[1]}.{part}.{match[3]}"
    stem, _, kind = name.rpartition(".")
    return f"{_TOP[stem]}.{kind}" if stem in _TOP else None


def rotated_heads(gguf_name: str, heads: int, kv_heads: int) -> int | None:
    """How many heads share the rows of this tensor if its rows are reordered between the formats, else None."""
    if ".attn_q." in gguf_name:
        return heads
    return kv_heads if ".attn_k." in gguf_name else None


def to_halves(rows: Tensor, heads: int) -> Tensor:
    """Reorder each head's rows from neighbouring pairs (llama.cpp) to two halves (transformers)."""
    return rows.reshape(heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def to_pairs(rows: Tensor, heads: int) -> Tensor:
    """Reorder each head's rows from two halves (transformers) to neighbouring pairs (llama.cpp)."""
    return rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def name_of_pre_tokenizer(definition: PreTokenizer | None) -> str | None:
    """llama.cpp's name of the `pre_tokenizer` of a tokenizer.json; None if it has none that cuts the same way."""
    found = _without_offsets(definition)
    return next((name for name, known in PRE_TOKENIZERS.items() if _without_offsets(known) == found), None)


def _without_offsets(definition: object) -> object:
    """The definition less `trim_offsets`, which changes character offsets but no token."""
    if isinstance(definition, dict):
        return {key: _without_offsets(value) for key, value in definition.items() if key != "trim_offsets"}
    return [_without_offsets(item) for item in definition] if isinstance(definition, list) else definition
