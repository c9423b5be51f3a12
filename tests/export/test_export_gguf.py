from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from fine_tuning.errors import DataError, NotFoundError, StorageError
from fine_tuning.export.gguf import export_gguf
from fine_tuning.export.kept_gguf import kept_gguf
from tests.export.llama_tokenizer import llama_cpp_tokens
from tests.export.texts import TRICKY_TEXTS


@pytest.fixture(scope="module")
def exported(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_gguf(tiny_model_dir, tmp_path_factory.mktemp("gguf") / "deep" / "tiny.gguf")


@pytest.fixture
def copy(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "copy"))


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_export_gguf_stores_matrices_in_float16_and_norms_in_float32(exported: Path) -> None:
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(exported).tensors}
    assert len(tensors) == 2 + 2 * 9
    assert {t.tensor_type.name for t in tensors.values() if "norm" not in t.name} == {"F16"}
    assert {t.tensor_type.name for t in tensors.values() if "norm" in t.name} == {"F32"}
    assert [path.name for path in exported.parent.iterdir()] == ["tiny.gguf"]


def test_export_gguf_keys_match_the_model_folder(exported: Path, tiny_model_dir: Path) -> None:
    keys = {key: field.contents() for key, field in gguf.GGUFReader(exported).fields.items()}
    assert keys["llama.attention.head_count_kv"] == 2
    assert keys["llama.rope.freq_base"] == 100_000
    assert keys["llama.context_length"] == 512
    assert keys["tokenizer.ggml.pre"] == "smollm"
    assert keys["tokenizer.ggml.add_bos_token"] is False
    assert [keys[f"tokenizer.ggml.{role}_token_id"] for role in ("bos", "eos", "unknown", "padding")] == [1, 2, 0, 0]
    assert keys["tokenizer.ggml.token_type"][:7] == [3, 3, 3, 3, 3, 3, 1]
    assert keys["tokenizer.chat_template"] == (tiny_model_dir / "chat_template.jinja").read_text()


def test_export_gguf_tokenizes_as_transformers(exported: Path, tiny_model_dir: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    expected = [tokenizer.encode(text, add_special_tokens=False) for text in TRICKY_TEXTS]
    assert llama_cpp_tokens(exported, TRICKY_TEXTS) == expected


def test_export_gguf_untied_weights_and_legacy_config_are_written(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    output = weights["model.embed_tokens.weight"].neg()
    save_file({**weights, "lm_head.weight": output}, copy / "model.safetensors")
    change(copy / "config.json", tie_word_embeddings=False, rope_parameters=None, rope_theta=5000.0, head_dim=None)
    reader = gguf.GGUFReader(export_gguf(copy, tmp_path / "untied.gguf"))
    written = next(tensor for tensor in reader.tensors if tensor.name == "output.weight")
    assert np.allclose(written.data, output.float().numpy(), atol=1e-6)
    assert reader.fields["llama.rope.freq_base"].contents() == 5000
    assert reader.fields["llama.rope.dimension_count"].contents() == 16


def test_export_gguf_sharded_weights_are_all_written(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = sorted(weights)
    for part, chosen in (("model-00001-of-00002", names[:5]), ("model-00002-of-00002", names[5:])):
        save_file({name: weights[name] for name in chosen}, copy / f"{part}.safetensors")
    assert len(gguf.GGUFReader(export_gguf(copy, tmp_path / "whole.gguf")).tensors) == len(weights)


def test_export_gguf_padded_embedding_adds_unused_tokens(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    embedding = weights["model.embed_tokens.weight"]
    save_file({**weights, "model.embed_tokens.weight": embedding.repeat(2, 1)[:608]}, copy / "model.safetensors")
    change(copy / "config.json", vocab_size=608)
    fields = gguf.GGUFReader(export_gguf(copy, tmp_path / "padded.gguf")).fields
    assert fields["tokenizer.ggml.tokens"].contents()[-1] == "[PAD607]"
    assert fields["tokenizer.ggml.token_type"].contents()[-9:] == [1] + [5] * 8


@pytest.mark.parametrize(
    ("file", "values", "words"),
    [
        (
            "config.json",
            {"model_type": "gpt2"},
            "is a gpt2 model, not one of llama, .* transformers will be used",
        ),
        ("config.json", {"model_type": "no"}, "does not know no models"),
        (
            "config.json",
            {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}},
            r"uses RoPE scaling dynamic",
        ),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Whitespace"}}, "tokenizer that is not a byte-level BPE"),
        ("tokenizer.json", {"normalizer": {"type": "Lowercase"}}, "tokenizer that is not a byte-level BPE"),
    ],
)
def test_export_gguf_unsupported_model_raises_with_reason(
    file: str, values: dict[str, Any], words: str, copy: Path, tmp_path: Path
) -> None:
    change(copy / file, **values)
    with pytest.raises(DataError, match=words):
        export_gguf(copy, tmp_path / "out" / "x.gguf")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_export_gguf_unknown_tensor_or_overflow_raises(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    odd = "model.layers.0.router.weight"
    save_file({**weights, odd: weights["model.embed_tokens.weight"].clone()}, copy / "model.safetensors")
    with pytest.raises(DataError, match=f"tensor {odd} that a plain llama model does not have"):
        export_gguf(copy, tmp_path / "x.gguf")
    for value in (1e6, -1e6, float("nan"), float("-inf")):
        weights["model.layers.0.mlp.up_proj.weight"][0, 0] = value
        save_file(weights, copy / "model.safetensors")
        with pytest.raises(DataError, match=r"blk\.0\.ffn_up\.weight has values outside the range of float16"):
            export_gguf(copy, tmp_path / "x.gguf")
    weights["model.layers.0.mlp.up_proj.weight"][0, 0] = 65_280  # the largest of bfloat16 that float16 has
    save_file(weights, copy / "model.safetensors")
    assert export_gguf(copy, tmp_path / "x.gguf").is_file()


def test_export_gguf_missing_or_damaged_file_raises_with_its_name(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"model\.safetensors is not a readable"):
        export_gguf(copy, tmp_path / "x.gguf")
    (copy / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"no \.safetensors weights"):
        export_gguf(copy, tmp_path / "x.gguf")
    (copy / "config.json").unlink()
    with pytest.raises(NotFoundError, match=r"config\.json"):
        export_gguf(copy, tmp_path / "x.gguf")


def test_export_gguf_failure_keeps_the_existing_file(copy: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.gguf"
    output.write_text("older")
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DataError):
        export_gguf(copy, output)
    assert output.read_text() == "older"
    (copy / "model.safetensors").write_bytes(weights)
    assert export_gguf(copy, output).read_bytes()[:4] == b"GGUF"


def test_export_gguf_output_is_a_folder_raises(tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").mkdir()
    with pytest.raises(StorageError, match="it is a folder; name a file"):
        export_gguf(tiny_model_dir, tmp_path / "x.gguf")


def test_kept_gguf_concurrent_calls_share_one_file(copy: Path) -> None:
    (copy / "model.f16.gguf").unlink(missing_ok=True)

    def made(_: int) -> int:
        path = kept_gguf(copy)
        assert path is not None
        return path.stat().st_ino

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(made, range(4)))) == 1
