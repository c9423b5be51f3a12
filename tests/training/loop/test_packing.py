"""Rows laid end to end give what padded rows give, forwards and backwards, and never look at each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM, MistralConfig, MistralForCausalLM

from fine_tuning.training.loop import attention, output_loss, packing, trainable_model
from fine_tuning.training.loop.chat_tokens import IGNORED
from fine_tuning.training.loop.training_config import TrainingConfig
from tests.tiny_model import make_tiny_tokenizer

# PEFT asks transformers by a name that transformers has renamed.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
LENGTHS = [9, 1, 30, 17]
SMALL: dict[str, Any] = {
    "vocab_size": 640,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}


def llama(folder: Path, kernel: str) -> Any:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=kernel)
    trainable_model.compute_labelled_only(model)
    return model


def mistral(window: int | None, kernel: str) -> Any:
    torch.manual_seed(0)
    model = MistralForCausalLM._from_config(
        MistralConfig(**SMALL, sliding_window=window, pad_token_id=0), attn_implementation=kernel
    )
    trainable_model.compute_labelled_only(model)
    return model


def batch(lengths: list[int] | None = None) -> dict[str, torch.Tensor]:
    """Padded on the right with a token that is none of the padding's ids, every second token labelled."""
    lengths = lengths or LENGTHS
    ids = torch.randint(1, 64, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    labels = torch.where((mask == 1) & (torch.arange(max(lengths)) % 2 == 0), ids, IGNORED)
    return {"input_ids": ids * mask, "labels": labels, "attention_mask": mask}


def losses_and_gradients(model: Any, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    model.zero_grad()
    logits, targets = model(**inputs)
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    losses.sum().backward()
    return {"losses": losses.detach()} | {name: p.grad.clone() for name, p in model.named_parameters()}


def check_equal(packed: dict[str, torch.Tensor], padded: dict[str, torch.Tensor]) -> None:
    assert packed.keys() == padded.keys()
    for name, value in packed.items():
        torch.testing.assert_close(value, padded[name], rtol=1e-4, atol=1e-4, msg=name)


def padded_only(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in inputs.items() if name != "attention_mask"}


@pytest.mark.parametrize("lengths", [LENGTHS, [5], [40, 2, 1, 1], [8, 8]])
def test_packed_losses_and_gradients_equal_padded(tiny_model_dir: Path, lengths: list[int]) -> None:
    inputs = batch(lengths)
    packed = losses_and_gradients(llama(tiny_model_dir, attention.NAME), inputs)
    check_equal(packed, losses_and_gradients(llama(tiny_model_dir, "eager"), padded_only(inputs)))


@pytest.mark.parametrize("window", [None, 8])
def test_packed_long_rows_and_windows_equal_padded(monkeypatch: pytest.MonkeyPatch, window: int | None) -> None:
    monkeypatch.setattr(attention, "MAX_ROW_TOKENS", 16)
    inputs = batch()
    packed = losses_and_gradients(mistral(window, attention.NAME), inputs)
    check_equal(packed, losses_and_gradients(mistral(window, "eager"), padded_only(inputs)))


@pytest.mark.parametrize("cap", [None, 3.0])
@pytest.mark.parametrize("at_once", [1 << 20, 64 * 5])
def test_summed_loss_and_gradients_equal_those_of_all_logits(
    monkeypatch: pytest.MonkeyPatch, cap: float | None, at_once: int
) -> None:
    monkeypatch.setattr(output_loss, "LOGITS_AT_ONCE", at_once)
    torch.manual_seed(0)
    head, hidden, targets = torch.nn.Linear(16, 64, bias=False), torch.randn(13, 16), torch.randint(0, 64, (13,))
    hidden.requires_grad_()
    torch.nn.init.normal_(head.weight)
    logits = output_loss.capped(head(hidden), cap)
    wanted = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    expected = torch.autograd.grad(wanted / 7, [hidden, head.weight])
    found = output_loss.summed_loss(head, hidden, targets, cap)
    torch.testing.assert_close(found.loss, wanted)
    assert int(found.hits) == int((logits.argmax(-1) == targets).sum())
    for gradient, other in zip(torch.autograd.grad(found.loss / 7, [hidden, head.weight]), expected, strict=True):
        torch.testing.assert_close(gradient, other)
    frozen = output_loss.summed_loss(head.requires_grad_(requires_grad=False), hidden, targets, cap)
    torch.testing.assert_close(torch.autograd.grad(frozen.loss / 7, [hidden])[0], expected[0])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = output_loss.summed_loss(head, hidden, targets, cap)
    torch.testing.assert_close(torch.autograd.grad(rounded.loss / 7, [hidden])[0], expected[0], rtol=0.1, atol=0.05)
    with_bias = torch.nn.Linear(16, 64)
    plain = torch.nn.functional.cross_entropy(output_loss.capped(with_bias(hidden), cap), targets, reduction="sum")
    torch.testing.assert_close(output_loss.summed_loss(with_bias, hidden, targets, cap).loss, plain)


def test_packed_rows_do_not_see_each_other(tiny_model_dir: Path) -> None:
    model, inputs = llama(tiny_model_dir, attention.NAME), batch()
    before = model(**inputs)[0]
    first = int((inputs["labels"][0, 1:] != IGNORED).sum())
    inputs["input_ids"][0, :9] = 7
    after = model(**inputs)[0]
    assert not torch.equal(before[:first], after[:first])
    assert torch.equal(before[first:], after[first:])


def test_packed_decoder_sees_no_padding(tiny_model_dir: Path) -> None:
    model, seen = llama(tiny_model_dir, attention.NAME), []
    model.get_decoder().layers[0].register_forward_hook(lambda _, __, hidden: seen.append(tuple(hidden.shape[:2])))
    model(**batch())
    model(**padded_only(batch()))
    assert seen == [(1, sum(LENGTHS)), (len(LENGTHS), max(LENGTHS))]


def test_packed_row_without_tokens_keeps_one() -> None:
    packed = packing.pack(torch.tensor([[4, 5, 6], [0, 0, 0]]), torch.tensor([[1, 1, 1], [0, 0, 0]]))
    assert packed.inputs["input_ids"].tolist() == [[4, 5, 6, 0]]
    assert packed.inputs["position_ids"].tolist() == [[0, 1, 2, 0]]
    assert packed.inputs["cu_seq_lens_q"].tolist() == [0, 3, 4]
    assert packed.inputs["max_length_q"] == 3


def test_base_with_capped_scores_trains_with_attention_that_caps(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Gemma2ForCausalLM(Gemma2Config(**SMALL, head_dim=8, attn_logit_softcapping=0.1))
    model.save_pretrained(tmp_path)
    make_tiny_tokenizer().save_pretrained(tmp_path)
    config = TrainingConfig(base_model_path=str(tmp_path), train_file="-", output_dir="-", precision="fp32")
    network = trainable_model.load(config)
    inputs = batch()
    found, _ = network(**inputs)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    expected = model.eval()(input_ids=ids, attention_mask=mask).logits[:, :-1][inputs["labels"][:, 1:] != IGNORED]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_can_pack_only_models_that_keep_rows_apart(tiny_model_dir: Path) -> None:
    assert packing.can_pack(llama(tiny_model_dir, "sdpa"))
    assert not packing.can_pack(Gemma2ForCausalLM(Gemma2Config(**SMALL, head_dim=8)))  # its scores are capped
    recurrent = llama(tiny_model_dir, "sdpa")
    recurrent.config.layer_types = ["full_attention", "linear_attention"]
    assert not packing.can_pack(recurrent)
