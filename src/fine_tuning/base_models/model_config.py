"""The configuration of a model (config.json), checked before a library builds a network or a file from it.

Libraries allocate what a configuration names before they look at the weights, and llama.cpp aborts its process on some
values, so sizes have bounds here: each is several times that of the largest published model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fine_tuning.errors import DataError

MAX_VOCABULARY = 1 << 22
MAX_INTEGER = 1 << 40
MAX_DEPTH = 8
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_HIDDEN = ("hidden_size", "n_embd", "d_model")
_MOST = {
    **dict.fromkeys(_LAYERS, 1 << 10),
    **dict.fromkeys((*_HIDDEN, "embedding_size"), 1 << 17),
    **dict.fromkeys(("intermediate_size", "moe_intermediate_size", "n_inner", "ffn_dim"), 1 << 20),
    **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "n_head", "n_heads"), 1 << 12),
    "head_dim": 1 << 13,
    "vocab_size": MAX_VOCABULARY,
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx"), 1 << 27),
}
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")  # 0 in a model without
_INNER = ("moe_intermediate_size", "intermediate_size", "n_inner", "ffn_dim")  # of an expert, where there are some
_TOKENS = {"bos_token_id", "eos_token_id", "pad_token_id"}
_NUMBERS = re.compile(r".*_(eps|epsilon|theta|dropout|pdrop|range|scaling_factor)")
_NAMES = {"model_type", "dtype", "torch_dtype", "hidden_act", "hidden_activation", "activation_function"}
_NAME = re.compile(r"[\w.-]{1,64}")
_OBJECTS = {"rope_parameters", "rope_scaling", "quantization_config", "text_config", "auto_map"}


class Sizes:
    """What a configuration says of its language model; None where it leaves a size to its library's default."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        text = config.get("text_config") or config
        self.layers = _first(text, _LAYERS)
        self.hidden = _first(text, _HIDDEN)
        self.vocabulary = _first(text, ("vocab_size",))
        self.extra_layers = _first(text, ("num_nextn_predict_layers",)) or 0  # that predict further tokens
        self.is_quantized = bool(config.get("quantization_config"))
        self.parameters = _parameters(text)


def check_config(config: Any, file: Path) -> Mapping[str, Any]:
    """The configuration, if each of its values is of the kind and size that models have.

    Args:
        config: the parsed content of `file`.

    Raises:
        DataError: a value is not; the message names it.
    """
    if not isinstance(config, dict):
        raise DataError(f"{file} is not an object; fetch or save the model again")
    if not isinstance(config.get("model_type"), str):
        raise DataError(f"{file} names no model_type; fetch the config.json of a model that transformers knows")
    for key, value in _values(config, file):
        if why := _refusal(key, value):
            raise DataError(f"{file}: {key} is {_shown(value)}, {why}; correct it or fetch the model again")
    _check_heads(config, file)
    return config


def check_token_ids(settings: Mapping[str, Any], file: Path) -> None:
    """Check the end tokens that a generation configuration names; raises as `check_config` does."""
    for key in sorted(_TOKENS & settings.keys()):
        if why := _refusal(key, settings[key]):
            raise DataError(f"{file}: {key} is {_shown(settings[key])}, {why}; correct it or fetch the model again")


def _values(config: Mapping[str, Any], file: Path, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise DataError(f"{file} is nested too deeply; fetch the model again")
    for key, value in config.items():
        yield key, value
        if isinstance(value, dict):
            yield from _values(value, file, depth + 1)


def _refusal(key: str, value: Any) -> str | None:
    """Why this is no value of the key; None if it is one."""
    if value is None:
        return None
    if key in _MOST or key in _EXPERTS:
        least, most = (0, 1 << 13) if key in _EXPERTS else (1, _MOST[key])
        counts = value if isinstance(value, list) else [value]  # of some models one a layer
        return None if all(_is_within(each, least, most) for each in counts) else f"not {least} to {most:,}"
    if key in _TOKENS:
        ids = value if isinstance(value, list) else [value]
        return None if all(_is_within(each, -1, MAX_VOCABULARY) for each in ids) else "no token"
    if key in _NAMES:
        return None if isinstance(value, str) and _NAME.fullmatch(value) else "no name"
    if key == "architectures":
        is_names = isinstance(value, list) and all(isinstance(each, str) and _NAME.fullmatch(each) for each in value)
        return None if is_names else "no list of names"
    if key in _OBJECTS:
        return None if isinstance(value, dict) else "no object"
    if _NUMBERS.fullmatch(key) and isinstance(value, str | bool):
        return "no number"
    return _unusable_number(key, value)


def _unusable_number(key: str, value: Any) -> str | None:
    if isinstance(value, float) and (math.isnan(value) or (_NUMBERS.fullmatch(key) and math.isinf(value))):
        return "no number"  # a limit may be infinite
    if isinstance(value, list) and any(isinstance(each, float) and math.isnan(each) for each in value):
        return "no list of numbers"
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return f"beyond {MAX_INTEGER:,}"
    return None


def _check_heads(config: Mapping[str, Any], file: Path) -> None:
    heads, shared = _first(config, ("num_attention_heads",)), _first(config, ("num_key_value_heads",))
    if heads and shared and heads % shared:
        raise DataError(
            f"{file}: {heads} num_attention_heads do not divide into {shared} num_key_value_heads; fetch it again"
        )


def _parameters(text: Mapping[str, Any]) -> int:
    """About how many weights a transformer of these sizes has: attention and two matrices for each expert."""
    hidden, layers = _first(text, _HIDDEN) or 0, _first(text, _LAYERS) or 0
    heads = (_first(text, ("num_attention_heads",)) or 0) * (_first(text, ("head_dim",)) or 0)
    inner = (_first(text, _INNER) or 0) * (_first(text, _EXPERTS) or 1)
    return (_first(text, ("vocab_size",)) or 0) * hidden + layers * hidden * (heads + 2 * inner)


def _is_within(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((config[key] for key in keys if type(config.get(key)) is int), None)


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
