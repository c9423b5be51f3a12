"""Write a llama model in Hugging Face's layout as one float16 GGUF file, which llama.cpp and Ollama load."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tuning.base_models.llama_layout import name_of_pre_tokenizer, rotated_heads, to_gguf, to_pairs
from fine_tuning.errors import DataError, MissingDependencyError, NotFoundError
from fine_tuning.files import explain_os_error, make_folder, read_json

if TYPE_CHECKING:
    from torch import Tensor

_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5  # gguf.TokenType
_INSTEAD = "it cannot become a GGUF file, so transformers will be used instead"


def kept_gguf(folder: Path) -> Path | None:
    """The model as GGUF beside its weights, made at first use; None where its kind cannot be written as GGUF yet."""
    path = folder / "model.f16.gguf"
    if path.is_file():
        return path
    try:
        return export_gguf(folder, path)
    except DataError:
        return None  # answered through transformers instead


def export_gguf(model_dir: Path, output: Path) -> Path:
    """Write the model in `model_dir` to `output` as GGUF: matrices float16, norms float32, tokenizer and chat template.

    Weights are read one tensor at a time. An existing `output` is replaced only once the new file is complete.

    Returns:
        `output`.

    Raises:
        DataError: not a llama model, or its tokenizer or rotary positions have no GGUF equivalent known here.
        NotFoundError: a file of the model is missing.
        MissingDependencyError: the `train` extra is not installed.
        StorageError: the disk is full or read-only.
    """
    try:
        import safetensors  # noqa: F401 - read further down
        import torch  # noqa: F401
        from gguf import GGUFWriter
    except ImportError as error:
        raise MissingDependencyError(error.name or "gguf", "train", "writing a GGUF file") from error
    config = _llama_config(model_dir)
    make_folder(output.parent)
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
            unfinished = Path(folder) / output.name
            writer = GGUFWriter(unfinished, "llama")
            try:
                _add_hyperparameters(writer, config, model_dir.name)
                _add_tokenizer(writer, model_dir, config)
                _write_weights(writer, model_dir, config)
            finally:
                writer.close()
            unfinished.replace(output)
    except OSError as error:
        raise explain_os_error(error, output, "write") from error
    return output


def _llama_config(model_dir: Path) -> dict[str, Any]:
    """The model's config.json, once it is known to describe a llama this module can write."""
    config: dict[str, Any] = read_json(model_dir / "config.json")
    if (kind := config.get("model_type")) != "llama":
        raise DataError(f"{model_dir} is a {kind} model, not llama: {_INSTEAD}")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if (scaling := rope.get("rope_type", rope.get("type", "default"))) != "default":
        raise DataError(f"{model_dir} scales its rotary positions ({scaling}): {_INSTEAD}")
    return config


def _add_hyperparameters(writer: Any, config: dict[str, Any], name: str) -> None:
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or {}
    writer.add_name(name)
    writer.add_file_type(1)  # gguf.LlamaFileType.MOSTLY_F16
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(_kv_heads(config))
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(rope.get("rope_theta", config.get("rope_theta", 10000.0)))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def _kv_heads(config: dict[str, Any]) -> int:
    return int(config.get("num_key_value_heads") or config["num_attention_heads"])


def _add_tokenizer(writer: Any, model_dir: Path, config: dict[str, Any]) -> None:
    """Write the vocabulary, the merges, the special tokens and the chat template."""
    definition = read_json(model_dir / "tokenizer.json")
    settings = read_json(model_dir / "tokenizer_config.json")
    cut = name_of_pre_tokenizer(definition.get("pre_tokenizer"))
    model = definition["model"]
    if model.get("type") != "BPE" or definition.get("normalizer") or cut is None:
        raise DataError(
            f"{model_dir} has a tokenizer that is not byte-level BPE of a kind known to llama.cpp: {_INSTEAD}"
        )
    tokens, kinds = _vocabulary(definition, config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_add_space_prefix(False)
    writer.add_add_bos_token(_adds_bos(model_dir))
    for role in ("bos", "eos", "unk", "pad"):
        token = settings.get(f"{role}_token")
        text = token["content"] if isinstance(token, dict) else token
        if text in tokens:
            getattr(writer, f"add_{role}_token_id")(tokens.index(text))
    if template := _chat_template(model_dir, settings):
        writer.add_chat_template(template)


def _vocabulary(definition: dict[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Every token by id with its GGUF type; ids of the embedding that the tokenizer does not use are marked unused."""
    tokens = [f"[PAD{index}]" for index in range(size)]
    kinds = [_UNUSED] * size
    for token, index in definition["model"]["vocab"].items():
        tokens[index], kinds[index] = token, _NORMAL
    for added in definition.get("added_tokens", []):
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = _CONTROL if added["special"] else _USER_DEFINED
    return tokens, kinds


def _adds_bos(model_dir: Path) -> bool:
    """Whether the tokenizer itself puts a token in front of every text."""
    from tokenizers import Tokenizer

    return bool(Tokenizer.from_file(str(model_dir / "tokenizer.json")).encode("").ids)


def _chat_template(model_dir: Path, settings: dict[str, Any]) -> str | None:
    """The chat template from its own file or from tokenizer_config.json."""
    own = model_dir / "chat_template.jinja"
    template = own.read_text(encoding="utf-8") if own.is_file() else settings.get("chat_template")
    if isinstance(template, list):
        return next((each["template"] for each in template if each["name"] == "default"), None)
    return template


def _write_weights(writer: Any, model_dir: Path, config: dict[str, Any]) -> None:
    """Declare every tensor, then write the header and one tensor after the other."""
    import numpy as np

    for name, stored in _tensors(model_dir, config):
        shape = stored.get_shape()
        kind = np.dtype(np.float32 if len(shape) == 1 else np.float16)
        writer.add_tensor_info(name, shape, kind, math.prod(shape) * kind.itemsize)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, stored in _tensors(model_dir, config):
        rows: Tensor = stored[:].float()
        heads = rotated_heads(name, config["num_attention_heads"], _kv_heads(config))
        rows = to_pairs(rows, heads) if heads else rows
        rows = rows if rows.dim() == 1 else rows.half()
        if not rows.isfinite().all():
            raise DataError(f"{model_dir}: tensor {name} holds values that float16 cannot: {_INSTEAD}")
        writer.write_tensor_data(rows.contiguous().numpy())


def _tensors(model_dir: Path, config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """GGUF's name of each tensor with the slice that reads it from the disk; the order is the same every time."""
    from safetensors import SafetensorError, safe_open

    files = sorted(model_dir.glob("model*.safetensors"))
    if not files:
        raise NotFoundError(f"{model_dir} has no model.safetensors; only safetensors weights are read")
    for path in files:
        try:
            with safe_open(path, framework="pt") as weights:
                for key in weights.keys():  # noqa: SIM118 - not a dict
                    if key.endswith("rotary_emb.inv_freq") or (
                        key == "lm_head.weight" and config["tie_word_embeddings"]
                    ):
                        continue
                    if (name := to_gguf(key)) is None:
                        raise DataError(f"{path} has a tensor {key} that a plain llama has not: {_INSTEAD}")
                    yield name, weights.get_slice(key)
        except SafetensorError as error:
            raise DataError(f"{path} is not a readable safetensors file ({error}); train or fetch it again") from error
