from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.torch import load_file

from fine_tuning.base_models.gguf_import import convert_gguf
from fine_tuning.errors import DataError
from fine_tuning.export.gguf import export_gguf

Change = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def source(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_gguf(tiny_model_dir, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def rewrite(
    source: Path, target: Path, kind: gguf.GGMLQuantizationType | None = None, without: str = "", **values: Any
) -> Path:
    """Copy a GGUF file with its matrices quantised to `kind`, less the key `without`, and with other `values`."""
    reader = gguf.GGUFReader(source)
    changed = {key.replace("__", "."): value for key, value in values.items()}
    writer = gguf.GGUFWriter(target, changed.pop("general.architecture", "llama"))
    for key, field in reader.fields.items():
        if not key.startswith("GGUF.") and key not in ("general.architecture", without):
            sub_type = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(key, changed.get(key, field.contents()), field.types[0], sub_type=sub_type)
    for tensor in reader.tensors:
        rows = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(tensor.shape[::-1])
        if kind is None or rows.ndim == 1:
            writer.add_tensor(tensor.name, rows)
        else:
            writer.add_tensor(tensor.name, gguf.quants.quantize(rows, kind), raw_dtype=kind)
    if "extra" in values:
        writer.add_tensor(values["extra"], np.zeros((2, 2), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("F32", 1e-6), ("F16", 1e-6), ("BF16", 1e-6), ("Q8_0", 0.02), ("Q5_1", 0.1), ("Q4_1", 0.2), ("Q4_0", 0.2)],
)
def test_convert_gguf_decodes_common_quantizations(
    kind: str, tolerance: float, source: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    quantised = rewrite(source, tmp_path / "q.gguf", gguf.GGMLQuantizationType[kind])
    (tmp_path / "model").mkdir()
    convert_gguf(quantised, tmp_path / "model")
    original, converted = (
        load_file(tiny_model_dir / "model.safetensors"),
        load_file(tmp_path / "model/model.safetensors"),
    )
    assert all((converted[name] - weight).abs().max() < tolerance for name, weight in original.items())


def test_convert_gguf_loads_in_transformers_with_equal_output(
    source: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    convert_gguf(source, tmp_path)
    ours, theirs = AutoTokenizer.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tiny_model_dir)
    chat = [{"role": "user", "content": "Reset 503 über\t<|im_end|>  x"}]
    assert ours.apply_chat_template(chat)["input_ids"] == theirs.apply_chat_template(chat)["input_ids"]
    assert ours.get_vocab() == theirs.get_vocab()
    assert (ours.bos_token, ours.eos_token, ours.unk_token) == (theirs.bos_token, theirs.eos_token, theirs.unk_token)
    keys = ("hidden_size", "head_dim", "num_key_value_heads", "rope_parameters", "rms_norm_eps", "tie_word_embeddings")
    config, expected = AutoConfig.from_pretrained(tmp_path), AutoConfig.from_pretrained(tiny_model_dir)
    assert {key: getattr(config, key) for key in keys} == {key: getattr(expected, key) for key in keys}
    assert GenerationConfig.from_pretrained(tmp_path).eos_token_id == 2


def test_convert_gguf_uses_another_padding_than_end_of_turn(source: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    same = rewrite(source, tmp_path / "same.gguf", tokenizer__ggml__padding_token_id=2)
    convert_gguf(same, tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).pad_token == "<|endoftext|>"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"general__architecture": "gpt2"}, "is a gpt2 model; only the llama architecture"),
        ({"without": "llama.block_count"}, r"has no key llama\.block_count"),
        ({"tokenizer__ggml__pre": "deepseek-llm"}, "of kind deepseek-llm; only byte-level BPE"),
        ({"tokenizer__ggml__model": "llama"}, "has a llama tokenizer"),
        ({"tokenizer__ggml__add_bos_token": True}, "without a prepended token"),
        ({"llama__rope__dimension_count": 8}, "partial or scaled rotary"),
        ({"extra": "rope_freqs.weight"}, r"tensor rope_freqs\.weight that is not of a plain llama"),
    ],
)
def test_convert_gguf_of_unsupported_is_refused(
    change: dict[str, Any], words: str, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=words):
        convert_gguf(rewrite(source, tmp_path / "odd.gguf", **change), tmp_path)


def test_open_gguf_of_another_file_names_it(source: Path, tmp_path: Path) -> None:
    for content in (b"", b"hello", source.read_bytes()[:5000], source.read_bytes()[:-5000]):
        (tmp_path / "broken.gguf").write_bytes(content)
        with pytest.raises(DataError, match=r"broken\.gguf is not a readable GGUF file"):
            convert_gguf(tmp_path / "broken.gguf", tmp_path)
