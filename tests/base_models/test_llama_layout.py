from __future__ import annotations

import pytest
import torch

from fine_tuning.base_models.llama_layout import (
    PRE_TOKENIZERS,
    name_of_pre_tokenizer,
    rotated_heads,
    to_halves,
    to_hugging_face,
    to_pairs,
)


@pytest.mark.parametrize(
    ("gguf", "hugging_face"),
    [
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("output.weight", "lm_head.weight"),
        ("blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight"),
        ("blk.31.attn_k.bias", "model.layers.31.self_attn.k_proj.bias"),
        ("blk.7.ffn_down.weight", "model.layers.7.mlp.down_proj.weight"),
    ],
)
def test_to_hugging_face_translates_names(gguf: str, hugging_face: str) -> None:
    assert to_hugging_face(gguf) == hugging_face


def test_to_hugging_face_of_unknown_tensor_is_none() -> None:
    assert to_hugging_face("blk.0.ffn_gate_exps.weight") is None
    assert to_hugging_face("rope_freqs.weight") is None


def test_to_halves_inverts_to_pairs() -> None:
    rows = torch.arange(2 * 6).reshape(12, 1)  # two heads of six rows
    halves = to_halves(rows, 2)
    assert halves.flatten().tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    assert torch.equal(to_pairs(halves, 2), rows)


def test_rotated_heads_only_of_queries_and_keys() -> None:
    assert rotated_heads("blk.3.attn_q.weight", 9, 3) == 9
    assert rotated_heads("blk.3.attn_k.bias", 9, 3) == 3
    assert rotated_heads("blk.3.attn_v.weight", 9, 3) is None


def test_name_of_pre_tokenizer_ignores_offsets() -> None:
    digits, byte_level = PRE_TOKENIZERS["smollm"]["pretokenizers"]
    shifted = {"type": "Sequence", "pretokenizers": [digits, {**byte_level, "trim_offsets": False}]}
    assert name_of_pre_tokenizer(shifted) == "smollm"
    assert name_of_pre_tokenizer(byte_level) == "gpt-2"
    assert name_of_pre_tokenizer({"type": "Whitespace"}) is None
    assert name_of_pre_tokenizer(None) is None
