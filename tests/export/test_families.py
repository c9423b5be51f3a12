"""Random models of every family: llama.cpp computes with the file what transformers computes with the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fine_tuning.export import quantization, token_parity
from fine_tuning.export.gguf import export_gguf
from fine_tuning.export.gguf_adapter import export_gguf_adapter
from tests.tiny_model import make_tiny_tokenizer

pytestmark = pytest.mark.slow

COMMON = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.2,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0 + n / 9 for n in range(8)],
    "long_factor": [2.0 + n for n in range(8)],
}
FAMILIES: list[tuple[str, str, dict[str, Any]]] = [
    ("llama", "Llama", {"head_dim": 16}),
    ("llama, stretched", "Llama", {"rope_parameters": LLAMA3}),
    ("llama, linear", "Llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}}),
    ("llama, yarn", "Llama", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
                                                  "original_max_position_embeddings": 128}}),
    ("llama, biased", "Llama", {"attention_bias": True, "tie_word_embeddings": True}),
    ("mistral", "Mistral", {"head_dim": 32}),
    ("qwen2", "Qwen2", {"tie_word_embeddings": True}),
    ("qwen3", "Qwen3", {"head_dim": 32}),
    ("gemma", "Gemma", {"head_dim": 32}),
    ("gemma2", "Gemma2", {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 16}),
    ("gemma3", "Gemma3Text", {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 16,
                              "num_hidden_layers": 7}),
    ("phi3", "Phi3", {"original_max_position_embeddings": 512}),
    ("phi3, stretched", "Phi3", {"rope_parameters": LONGROPE, "original_max_position_embeddings": 256}),
]  # fmt: skip


def make_model(folder: Path, name: str, settings: dict[str, Any]) -> Any:
    import torch
    import transformers

    tokenizer = make_tiny_tokenizer()
    config = getattr(transformers, f"{name}Config")(vocab_size=len(tokenizer), **{**COMMON, **settings})
    with torch.random.fork_rng():
        torch.manual_seed(3)
        kind = getattr(transformers, f"{name.removesuffix('Text')}ForCausalLM")
        model = kind(config).float()
        for key, weights in model.named_parameters():  # as if trained: norms and biases are no ones and zeros
            if weights.dim() == 1:
                torch.nn.init.normal_(weights, 0.0 if "bias" in key or "gemma" in config.model_type else 1.0, 0.2)
        model = model.half().float()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


ADAPTED = [each for each in FAMILIES if each[0] in {"llama", "qwen3", "gemma2", "gemma3", "phi3"}]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # said by peft of transformers
@pytest.mark.parametrize(("name", "settings"), [each[1:] for each in ADAPTED], ids=[each[0] for each in ADAPTED])
def test_export_gguf_adapter_answers_as_peft(name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    model, tokenizer = make_model(tmp_path / "model", name, settings)
    adapter_config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.random.fork_rng():
        torch.manual_seed(4)
        adapted = get_peft_model(model, adapter_config)
        for key, weights in adapted.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(weights, 0.0, 0.1)
    adapted.save_pretrained(tmp_path / "adapter")
    reference = list(token_parity.answers(adapted, tokenizer, token_parity.PROMPTS))
    gguf = export_gguf(tmp_path / "model", tmp_path / "model.gguf")
    adapter = export_gguf_adapter(tmp_path / "adapter", tmp_path / "model", tmp_path / "adapter.gguf")
    bound = quantization.find("f16")
    found = token_parity.with_gguf(reference, gguf, bound, tokenizer.decode, adapter)
    assert (found.passed, found.first_difference) == (True, None)
    assert not token_parity.with_gguf(reference, gguf, bound, tokenizer.decode).passed


@pytest.mark.parametrize(("name", "settings"), [each[1:] for each in FAMILIES], ids=[each[0] for each in FAMILIES])
def test_export_gguf_each_family_answers_as_transformers(name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    model, tokenizer = make_model(tmp_path / "model", name, settings)
    reference = list(token_parity.answers(model, tokenizer, token_parity.PROMPTS))
    gguf = export_gguf(tmp_path / "model", tmp_path / "model.gguf")
    found = token_parity.with_gguf(reference, gguf, quantization.find("f16"), tokenizer.decode)
    assert (found.prompts, found.prompts_alike, found.first_difference) == (4, 4, None)
    assert found.places >= 40
    assert found.divergence < 0.001
    assert found.passed
