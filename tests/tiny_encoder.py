"""A random BERT of a few thousand weights in sentence-transformers' layout, with a tokenizer of words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = "refund invoice parcel password reset late the my where is a city of light shipped paid twice".split()
MAX_TOKENS = 24


def make_tiny_encoder(
    folder: Path, pooling: str | None = "mean", *, normalized: bool = True, config: dict[str, Any] | None = None
) -> Path:
    """Write a random encoder of 16 dimensions.

    Args:
        folder: where to write it.
        pooling: of sentence-transformers; None for a folder without modules.json.
        normalized: whether it has a module Normalize.
        config: further keys of config.json.
    """
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({name: index for index, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = BertConfig(vocab_size=len(names), max_position_embeddings=MAX_TOKENS, initializer_range=0.5, **sizes)
        BertModel(made).save_pretrained(folder)
    if config is not None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | config))
    if pooling is not None:
        _write_modules(folder, pooling, normalized=normalized)
    return folder


def _write_modules(folder: Path, pooling: str, *, normalized: bool) -> None:
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalized else [])]
    modules = [
        {"idx": place, "name": str(place), "path": f"{place}_{kind}" if place else "", "type": f"st.models.{kind}"}
        for place, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 16, f"pooling_mode_{pooling}": True})
    )
