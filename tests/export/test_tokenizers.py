"""Tokenizers of every kind that the families use: llama.cpp cuts texts as `tokenizers` does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from fine_tuning.errors import DataError
from fine_tuning.export import gguf_tokenizer
from fine_tuning.export.gguf import export_gguf
from tests.export.llama_tokenizer import llama_cpp_tokens
from tests.export.texts import TRICKY_TEXTS
from tests.tiny_model import CHAT_TEMPLATE, SENTENCES, SPECIAL_TOKENS

BYTES = [f"<0x{value:02X}>" for value in range(256)]


def byte_level(expression: str, *, whole_words: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole_words))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(expression), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return trained(tokenizer, SPECIAL_TOKENS, alphabet)


def sentence_piece(kind: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    if kind == "gemma":
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    elif kind == "llama":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return trained(tokenizer, [*SPECIAL_TOKENS, "<unk>", *BYTES], [])


def trained(tokenizer: Tokenizer, special: list[str], alphabet: list[str]) -> Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=1000, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES * 2, trainer)
    return tokenizer


def written(tokenizer: Tokenizer, folder: Path) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>", chat_template=CHAT_TEMPLATE
    )
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("cut", "name"), gguf_tokenizer._PRE_TOKENIZERS.items(), ids=gguf_tokenizer._PRE_TOKENIZERS.values()
)
def test_export_gguf_byte_level_tokenizer_matches_transformers(
    cut: tuple[str, bool], name: str, tmp_path: Path
) -> None:
    tokenizer = byte_level(cut[0], whole_words=cut[1])
    gguf = export_gguf(written(tokenizer, tmp_path / "m"), tmp_path / "x.gguf")
    expected = [tokenizer.encode(text, add_special_tokens=False).ids for text in TRICKY_TEXTS]
    assert llama_cpp_tokens(gguf, TRICKY_TEXTS) == expected


@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma"])
def test_export_gguf_sentencepiece_tokenizer_matches_transformers(kind: str, tmp_path: Path) -> None:
    tokenizer = sentence_piece(kind)
    gguf = export_gguf(written(tokenizer, tmp_path / "m"), tmp_path / "x.gguf")
    texts = [f"<|im_start|>{text}" if kind == "mistral" else text for text in TRICKY_TEXTS if text]
    expected = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert llama_cpp_tokens(gguf, texts) == expected


def test_export_gguf_unsupported_normalizer_raises(tmp_path: Path) -> None:
    tokenizer = sentence_piece("gemma")
    tokenizer.normalizer = normalizers.Lowercase()
    with pytest.raises(DataError, match="normalizer that llama.cpp does not support"):
        export_gguf(written(tokenizer, tmp_path / "m"), tmp_path / "x.gguf")
