"""Convert a GGUF file of a llama model to a folder that transformers loads: config, bfloat16 weights, tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tuning._util.lazy_imports import import_transformers
from fine_tuning.base_models.llama_layout import PRE_TOKENIZERS, rotated_heads, to_halves, to_hugging_face
from fine_tuning.errors import DataError, MissingDependencyError

if TYPE_CHECKING:
    from torch import Tensor

OnProgress = Callable[[str, float], None]  # called with a step, and the share of it that is done, 0.0 to 1.0
GgufValue = Any  # of a key: a number, text or list, as the file declares it
GgufTensor = Any  # gguf.ReaderTensor, which has no types
LlamaConfig = Any  # transformers' classes, imported only when used
Tokenizer = Any

_CONTROL, _USER_DEFINED = 3, 4  # gguf.TokenType
_PADDING_NAMES = ("<|pad|>", "<pad>", "<|padding|>", "<|endoftext|>", "<|end_of_text|>")


@dataclass(frozen=True)
class GgufFile:
    """An open GGUF file: `values` by key, and `tensors` by name as the gguf package reads them (undecoded)."""

    path: Path
    values: dict[str, GgufValue]
    tensors: dict[str, GgufTensor]

    def value(self, key: str) -> GgufValue:
        """The value of `key`.

        Raises:
            DataError: the file has no such key.
        """
        if key not in self.values:
            raise DataError(f"{self.path} has no key {key}; it is not a complete llama GGUF file")
        return self.values[key]


def open_gguf(path: Path) -> GgufFile:
    """Read the keys and the table of tensors of `path`; the weights stay on the disk until decoded.

    Raises:
        DataError: not a GGUF file, cut short, or not of the llama architecture.
    """
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise MissingDependencyError("gguf", "train", "reading a GGUF file") from error
    try:
        reader = GGUFReader(path)
        values = {key: field.contents() for key, field in reader.fields.items()}
        tensors = {tensor.name: tensor for tensor in reader.tensors}
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"{path} is not a readable GGUF file ({error}); fetch it again") from error
    file = GgufFile(path, values, tensors)
    if (architecture := file.value("general.architecture")) != "llama":
        raise DataError(f"{path} is a {architecture} model; only the llama architecture can be imported from GGUF")
    return file


def convert_gguf(source: Path, folder: Path, on_progress: OnProgress | None = None) -> None:
    """Write the model in the GGUF file `source` into the existing `folder` in Hugging Face's layout.

    The weights become bfloat16, whatever they were quantised to. Peak memory is the bfloat16 model plus one tensor.

    Raises:
        DataError: the file is damaged, or uses something a plain llama with byte-level BPE does not.
        MissingDependencyError: the `train` extra is not installed.
    """
    try:
        from safetensors.torch import save_file

        import_transformers()
        from transformers import GenerationConfig
    except ImportError as error:
        raise MissingDependencyError("transformers", "train", "importing a GGUF model") from error
    file = open_gguf(source)
    special = _special_tokens(file)
    _tokenizer(file, special).save_pretrained(folder)
    ids = {f"{role}_token_id": index for role, index in special.items() if role != "unk"}
    _config(file, ids).save_pretrained(folder)
    GenerationConfig(**ids).save_pretrained(folder)
    save_file(_weights(file, on_progress), folder / "model.safetensors", metadata={"format": "pt"})


def _config(file: GgufFile, ids: dict[str, int]) -> LlamaConfig:
    """The configuration of the model."""
    import transformers

    def value(key: str, default: float | str | None = None) -> GgufValue:
        return file.values.get(f"llama.{key}", default) if default is not None else file.value(f"llama.{key}")

    heads, width = value("attention.head_count"), value("embedding_length")
    head_dim = value("attention.key_length", width // heads)
    if value("rope.dimension_count", head_dim) != head_dim or value("rope.scaling.type", "none") != "none":
        raise DataError(f"{file.path} uses partial or scaled rotary positions, which cannot be imported from GGUF yet")
    return transformers.LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=len(file.value("tokenizer.ggml.tokens")),
        hidden_size=width,
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=value("attention.head_count_kv", heads),
        head_dim=head_dim,
        max_position_embeddings=value("context_length"),
        rms_norm_eps=_shortest(value("attention.layer_norm_rms_epsilon")),
        rope_parameters={"rope_type": "default", "rope_theta": _shortest(value("rope.freq_base", 10000.0))},
        tie_word_embeddings="output.weight" not in file.tensors,
        dtype="bfloat16",
        **ids,
    )


def _shortest(value: float) -> float:
    """A float32's value as it was written in decimal: 1e-05, not 9.999999747378752e-06."""
    return float(f"{value:.7g}")


def _weights(file: GgufFile, on_progress: OnProgress | None) -> dict[str, Tensor]:
    """Every tensor decoded to bfloat16, under its Hugging Face name."""
    import torch
    from gguf.quants import dequantize

    heads: int = file.value("llama.attention.head_count")
    kv_heads: int = file.values.get("llama.attention.head_count_kv", heads)
    weights: dict[str, Tensor] = {}
    for count, (name, tensor) in enumerate(file.tensors.items(), start=1):
        if (theirs := to_hugging_face(name)) is None:
            raise DataError(f"{file.path} has a tensor {name} that is not of a plain llama; it cannot be imported")
        try:
            rows = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).to(torch.bfloat16)
        except (NotImplementedError, ValueError) as error:
            raise DataError(f"{file.path}: tensor {name} cannot be decoded ({error})") from error
        shared_by = rotated_heads(name, heads, kv_heads)
        weights[theirs] = to_halves(rows, shared_by).contiguous() if shared_by else rows
        if on_progress:
            on_progress("decoding weights", count / len(file.tensors))
    return weights


def _special_tokens(file: GgufFile) -> dict[str, int]:
    """Token ids by role (bos, eos, unk, pad), each only if the file names one.

    A padding token equal to the end-of-turn token would be masked out of the training loss, and the model would never
    learn to stop; another reserved token is used if there is one.
    """
    keys = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    found = {role: file.values.get(f"tokenizer.ggml.{key}_token_id") for role, key in keys.items()}
    if found["pad"] is None or found["pad"] == found["eos"]:
        tokens, kinds = file.value("tokenizer.ggml.tokens"), file.value("tokenizer.ggml.token_type")
        reserved = {
            token: index for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True)) if kind == _CONTROL
        }
        spare = [reserved[name] for name in _PADDING_NAMES if reserved.get(name, found["eos"]) != found["eos"]]
        found["pad"] = spare[0] if spare else found["eos"]
    return {role: index for role, index in found.items() if index is not None}


def _tokenizer(file: GgufFile, special: dict[str, int]) -> Tokenizer:
    """The transformers tokenizer of the model, with its chat template."""
    from transformers import PreTrainedTokenizerFast

    tokens = file.value("tokenizer.ggml.tokens")
    return PreTrainedTokenizerFast(
        tokenizer_object=_byte_level_bpe(file),
        chat_template=file.values.get("tokenizer.chat_template"),
        model_max_length=file.value("llama.context_length"),
        clean_up_tokenization_spaces=False,
        **{f"{role}_token": tokens[index] for role, index in special.items()},
    )


def _byte_level_bpe(file: GgufFile) -> Tokenizer:
    """The `tokenizers.Tokenizer` that splits text as llama.cpp does with this file."""
    import tokenizers

    model, cut = file.value("tokenizer.ggml.model"), file.values.get("tokenizer.ggml.pre", "default")
    if model != "gpt2" or cut not in PRE_TOKENIZERS or file.values.get("tokenizer.ggml.add_bos_token"):
        raise DataError(
            f"{file.path} has a {model} tokenizer of kind {cut}; only byte-level BPE of kind "
            f"{' or '.join(PRE_TOKENIZERS)} without a prepended token can be imported from GGUF"
        )
    tokens, kinds = file.value("tokenizer.ggml.tokens"), file.value("tokenizer.ggml.token_type")
    added = [
        {"id": index, "content": token, "special": kind == _CONTROL, "normalized": False}
        | {"single_word": False, "lstrip": False, "rstrip": False}
        for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in (_CONTROL, _USER_DEFINED)
    ]
    definition = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": PRE_TOKENIZERS[cut],
        "decoder": PRE_TOKENIZERS["gpt-2"],
        "model": {
            "type": "BPE",
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [merge.split(" ") for merge in file.value("tokenizer.ggml.merges")],
        },
    }
    return tokenizers.Tokenizer.from_str(json.dumps(definition))
