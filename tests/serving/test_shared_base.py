"""Fine-tuned models of one base: adapters on one loaded copy, the same answers as the merged models."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.errors import DataError, NotFoundError
from fine_tuning.export.gguf_adapter import export_gguf_adapter, kept_gguf_adapter
from fine_tuning.export.kept_gguf import kept_gguf
from fine_tuning.serving.shared_base import SharedBase

QUESTION = {"role": "user", "content": "What is the capital of France?"}
ASKED = {"messages": [QUESTION], "max_tokens": 12, "temperature": 0}
# PEFT asks transformers for a property by its older name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture(scope="module")
def make_adapter(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Path, Path]]:
    """A random LoRA adapter on every projection of the tiny model: its folder, and the folder with both merged."""

    def make(seed: int) -> tuple[Path, Path]:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(tiny_model_dir, dtype=torch.float32)
        modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=modules, task_type="CAUSAL_LM"))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weights in adapted.named_parameters():
                if "lora_" in name:
                    weights.copy_(torch.randn(weights.shape, generator=generator) * 0.2)
        folder = tmp_path_factory.mktemp(f"adapter{seed}")
        adapted.save_pretrained(folder / "adapter")
        adapted.merge_and_unload().save_pretrained(folder / "merged")
        AutoTokenizer.from_pretrained(tiny_model_dir).save_pretrained(folder / "merged")
        return folder / "adapter", folder / "merged"

    return make


def text(base: SharedBase, adapter: Path | None) -> str:
    with base.use(adapter, "m") as engine:
        return engine.complete(**ASKED).text


def test_use_adapter_answers_as_the_merged_model(
    tiny_model_dir: Path, make_adapter: Callable[[int], tuple[Path, Path]]
) -> None:
    base = SharedBase(_gguf(tiny_model_dir), "tiny")
    plain = text(base, None)
    found = {}
    for seed in (1, 2):
        adapter, merged = make_adapter(seed)
        whole = SharedBase(_gguf(merged), "merged")
        found[seed] = text(base, kept_gguf_adapter(adapter, tiny_model_dir))
        assert found[seed] == text(whole, None)
        whole.close()
    assert len({plain, *found.values()}) == 3
    assert text(base, None) == plain  # and leaves the base as it was
    base.close()


def test_use_concurrent_new_and_deleted_adapters_answers_correctly(
    tiny_model_dir: Path, make_adapter: Callable[[int], tuple[Path, Path]]
) -> None:
    base = SharedBase(_gguf(tiny_model_dir), "tiny")
    adapters = [kept_gguf_adapter(make_adapter(seed)[0], tiny_model_dir) for seed in (3, 4, 5)]
    alone = [text(base, adapter) for adapter in adapters]
    base.close()
    with ThreadPoolExecutor(6) as threads:
        asked: list[Any] = [*adapters, None] * 6
        answers = list(threads.map(lambda adapter: text(base, adapter), asked))
    for adapter, answer in zip(asked, answers, strict=True):
        if adapter is not None:
            assert answer == alone[adapters.index(adapter)]
    assert base.size() > sum(adapter.stat().st_size for adapter in adapters)
    adapters[0].unlink()
    fourth = kept_gguf_adapter(make_adapter(6)[0], tiny_model_dir)
    assert text(base, fourth) != text(base, None)
    assert text(base, adapters[1]) == alone[1]
    base.close()


def test_export_gguf_adapter_invalid_adapter_raises(
    tiny_model_dir: Path, tmp_path: Path, make_adapter: Callable[[int], tuple[Path, Path]]
) -> None:
    import torch
    from safetensors.torch import save_file

    with pytest.raises(NotFoundError):
        export_gguf_adapter(tmp_path, tiny_model_dir, tmp_path / "x.gguf")
    adapter, _ = make_adapter(7)
    save_file({"base_model.model.other.lora_A.weight": torch.zeros(1, 1)}, adapter / "adapter_model.safetensors")
    with pytest.raises(DataError, match="lacks lora_B of other"):
        export_gguf_adapter(adapter, tiny_model_dir, tmp_path / "x.gguf")
    assert not list(tmp_path.iterdir())


def _gguf(folder: Path) -> Path:
    path = kept_gguf(folder)
    assert path is not None
    return path
