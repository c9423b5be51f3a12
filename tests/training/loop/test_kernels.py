"""The faster products give what PEFT and PyTorch give, forwards and backwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora.layer import Linear as PeftLinear
from transformers import AutoModelForCausalLM

from fine_tuning.training.loop import attention
from fine_tuning.training.loop.lora_layers import LeanLinear, add_adapters
from fine_tuning.training.loop.training_config import TrainingConfig

# PEFT asks transformers by a name that transformers has renamed.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
TOKENS = torch.randint(0, 64, (3, 17), generator=torch.Generator().manual_seed(1))


def loaded(folder: Path, kernel: str = "eager") -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=kernel)


def config(folder: Path, **changes: Any) -> TrainingConfig:
    return TrainingConfig(base_model_path=str(folder), train_file="x", output_dir="y", **changes)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    model.zero_grad()
    logits = model(input_ids=TOKENS).logits
    logits.float().square().mean().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None} | {"logits": logits}


@pytest.mark.parametrize("trained_layers", [None, 1])
def test_adapter_product_and_gradients_equal_peft(
    tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, trained_layers: int | None
) -> None:
    torch.manual_seed(0)
    model = add_adapters(loaded(tiny_model_dir), config(tiny_model_dir, trained_layers=trained_layers))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # it starts at zero, where half the gradients vanish
    layers = [module for module in model.modules() if isinstance(module, LeanLinear)]
    assert len(layers) == 7 * (trained_layers or model.config.num_hidden_layers)
    lean = gradients(model)
    monkeypatch.setattr(LeanLinear, "forward", PeftLinear.forward)
    plain = gradients(model)
    assert lean.keys() == plain.keys()
    assert len(lean) == 2 * len(layers) + 1
    for name, gradient in lean.items():
        torch.testing.assert_close(gradient, plain[name], rtol=1e-3, atol=1e-5, msg=name)


def test_adapter_dropout_or_disabled_uses_peft(tiny_model_dir: Path) -> None:
    model = add_adapters(loaded(tiny_model_dir), config(tiny_model_dir, lora_dropout=0.5)).train()
    first, second = (model(input_ids=TOKENS).logits for _ in range(2))
    assert torch.equal(first, second)  # lora_B is zero
    with model.disable_adapter():
        torch.testing.assert_close(model(input_ids=TOKENS).logits, loaded(tiny_model_dir)(input_ids=TOKENS).logits)


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
def test_attention_equals_library(tiny_model_dir: Path, kernel: str) -> None:
    ours, theirs = (gradients(loaded(tiny_model_dir, name)) for name in (attention.NAME, kernel))
    assert len(ours) > 10
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-3, atol=1e-5, msg=name)


def test_attention_masked_rows_use_library(tiny_model_dir: Path) -> None:
    mask = torch.ones_like(TOKENS)
    mask[0, 9:] = 0
    ours, theirs = (
        loaded(tiny_model_dir, name)(input_ids=TOKENS, attention_mask=mask).logits[mask.bool()]
        for name in (attention.NAME, "eager")
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
