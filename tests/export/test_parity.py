"""The gate between a trained model and what is exported: it passes what is the same and names what is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from fine_tuning.errors import DataError, UsageError
from fine_tuning.export import quantization, token_parity
from fine_tuning.export.gguf import export_gguf
from tests.export.test_families import make_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A random Qwen3 with matrices wide enough for every quantization, and its answers."""
    folder = tmp_path_factory.mktemp("parity") / "model"
    model, tokenizer = make_model(folder, "Qwen3", {"head_dim": 64, "hidden_size": 256, "intermediate_size": 256})
    reference = list(token_parity.answers(model, tokenizer, token_parity.PROMPTS))
    return {"folder": folder, "model": model, "tokenizer": tokenizer, "reference": reference}


def compared(exported: dict[str, Any], folder: Path, output: Path, kind: str = "f16") -> token_parity.Parity:
    gguf = export_gguf(folder, output, kind)
    return token_parity.with_gguf(exported["reference"], gguf, quantization.find(kind), exported["tokenizer"].decode)


@pytest.mark.parametrize("kind", list(quantization.KINDS))
def test_parity_every_quantization_loads_and_finer_ones_diverge_less(
    kind: str, exported: dict[str, Any], tmp_path: Path
) -> None:
    found = compared(exported, exported["folder"], tmp_path / "x.gguf", kind)
    assert found.prompts_alike == 4
    # Random weights have no favourites; what a trained model loses is measured by benchmarks/bench_banking77.py.
    most = {"f16": 1e-3, "bf16": 0.01, "q8_0": 0.02, "q6_k": 0.1, "q5_k": 0.3, "q4_k": 1.5, "q4_0": 3.0}[kind]
    assert 0 <= found.divergence < most
    if kind == "f16":
        assert (found.passed, found.agreement, found.first_difference) == (True, 1.0, None)


def spoil_rope(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = "model.layers.0.self_attn.q_proj.weight"
    rows = weights[name]
    weights[name] = rows.reshape(2, -1, rows.shape[1]).swapaxes(0, 1).reshape_as(rows)
    save_file({name: each.contiguous() for name, each in weights.items()}, path)


def spoil_output(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, path)


def spoil_template(folder: Path) -> None:
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("<|im_end|>\n", "<|im_end|>"))


def spoil_tokens(folder: Path) -> None:
    path = folder / "tokenizer.json"
    definition = json.loads(path.read_text())
    definition["model"]["merges"] = definition["model"]["merges"][:40]
    path.write_text(json.dumps(definition))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_rope, "its weights are computed differently"),
        (spoil_output, "its weights are computed differently"),
        (spoil_template, "the chat template gives a different text"),
        (spoil_tokens, "its tokenizer or special tokens"),
    ],
)
def test_parity_spoiled_export_fails_with_its_cause(
    spoil: Any, words: str, exported: dict[str, Any], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(exported["folder"], tmp_path / "spoiled"))
    spoil(folder)
    found = compared(exported, folder, tmp_path / "x.gguf")
    assert not found.passed
    assert found.first_difference is not None
    assert words in found.first_difference


def test_with_model_different_model_fails(exported: dict[str, Any], tmp_path: Path) -> None:
    import torch

    tokenizer = exported["tokenizer"]
    rest = (tokenizer, quantization.find("f16"), tokenizer.decode)
    same = token_parity.with_model(exported["reference"], exported["model"], *rest)
    assert (same.passed, same.agreement) == (True, 1.0)
    assert same.divergence == pytest.approx(0, abs=1e-5)
    other, _ = make_model(tmp_path / "other", "Qwen3", {"head_dim": 64, "hidden_size": 256, "intermediate_size": 256})
    with torch.no_grad():
        other.model.layers[1].mlp.down_proj.weight.mul_(1.5)
    assert not token_parity.with_model(exported["reference"], other, *rest).passed


def test_export_gguf_invalid_quantization_or_file_raises(exported: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown quantization 'q3'; choose one of f16, bf16, q8_0"):
        export_gguf(exported["folder"], tmp_path / "x.gguf", "q3")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    with pytest.raises(DataError, match="cannot load"):
        token_parity.with_gguf(exported["reference"], tmp_path / "bad.gguf", quantization.find("f16"), str)


ALTERNATING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WITHOUT_SYSTEM = (
    "{% for message in messages if message['role'] != 'system' %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.mark.parametrize("template", [ALTERNATING, WITHOUT_SYSTEM], ids=["refuses", "leaves out"])
def test_system_message_without_a_role_for_it_is_prompted_as_llama_cpp_does(
    template: str, tiny_model_dir: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path / "model"
    shutil.copytree(tiny_model_dir, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    reference = list(token_parity.answers(model, tokenizer, token_parity.PROMPTS))
    assert "Answer with one word.\n2025 + 17 = ?" in reference[1].text
    gguf = export_gguf(folder, tmp_path / "x.gguf", "f16")
    found = token_parity.with_gguf(reference, gguf, quantization.find("f16"), tokenizer.decode)
    assert (found.prompts_alike, found.first_difference) == (4, None)
