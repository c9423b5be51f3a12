"""The model families that can be written as GGUF: their settings and how their tensors are converted.

Names of tensors come from the `gguf` package, which llama.cpp's own converter uses. What differs by family is written
down here: llama.cpp rotates neighbouring pairs of a llama's query and key rows where transformers rotates halves,
Gemma's norms are stored less one, and rotary positions are stretched in several ways.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tuning.base_models.llama_layout import rotated_heads, to_pairs
from fine_tuning.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

INSTEAD = "it cannot become a GGUF file, so transformers will be used instead"


@dataclass(frozen=True)
class Family:
    """One model_type: GGUF's name of its architecture, and how it differs from a llama."""

    architecture: str
    rotates_pairs: bool = False
    norms_less_one: bool = False
    settings: Callable[[Any, Any], None] | None = None  # given the writer and the configuration
    unlike: Callable[[Any], str | None] | None = None  # why llama.cpp would compute something else


def _gemma2(writer: Any, config: Any) -> None:
    writer.add_sliding_window(config.sliding_window)
    if config.attn_logit_softcapping:
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
    if config.final_logit_softcapping:
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def _gemma3(writer: Any, config: Any) -> None:
    writer.add_sliding_window(config.sliding_window)
    writer.add_rope_freq_base_swa(config.rope_parameters["sliding_attention"]["rope_theta"])
    if config.final_logit_softcapping:
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def _phi3(writer: Any, config: Any) -> None:
    writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
    if _rope(config)["rope_type"] == "longrope":
        original = config.original_max_position_embeddings
        scale = config.max_position_embeddings / original
        factor = math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0
        writer.add_rope_scaling_attn_factors(factor)


def _scaled_otherwise(config: Any, large: int) -> str | None:
    """Gemma scales attention by the head's size, except the largest model of each generation, which has more layers."""
    is_large = config.num_hidden_layers == large
    expected = config.hidden_size // config.num_attention_heads if is_large else config.head_dim
    return None if config.query_pre_attn_scalar == expected else "scales its attention by query_pre_attn_scalar"


def _gemma2_unlike(config: Any) -> str | None:
    return _scaled_otherwise(config, 46)


def _gemma3_unlike(config: Any) -> str | None:
    slides = [kind == "sliding_attention" for kind in config.layer_types]
    if slides != [(index + 1) % 6 != 0 for index in range(config.num_hidden_layers)]:
        return "alternates full and sliding attention in a pattern other than one in six"
    if config.attn_logit_softcapping:
        return "caps its attention logits"
    return _scaled_otherwise(config, 62)


def _qwen_unlike(config: Any) -> str | None:
    return "attends within a sliding window" if config.use_sliding_window else None


FAMILIES = {
    "llama": Family("llama", rotates_pairs=True),
    "mistral": Family("llama", rotates_pairs=True),
    "qwen2": Family("qwen2", unlike=_qwen_unlike),
    "qwen3": Family("qwen3", unlike=_qwen_unlike),
    "gemma": Family("gemma", norms_less_one=True),
    "gemma2": Family("gemma2", norms_less_one=True, settings=_gemma2, unlike=_gemma2_unlike),
    "gemma3_text": Family("gemma3", norms_less_one=True, settings=_gemma3, unlike=_gemma3_unlike),
    "phi3": Family("phi3", settings=_phi3),
}
_SCALINGS = {"default", "linear", "llama3", "yarn", "longrope"}


def family_of(config: Any, model_dir: Path) -> Family:
    """The family of a model by its transformers configuration.

    Raises:
        DataError: the family is unsupported, or the model does something that llama.cpp does not.
    """
    family = FAMILIES.get(config.model_type)
    if family is None:
        raise DataError(f"{model_dir} is a {config.model_type} model, not one of {', '.join(FAMILIES)}: {INSTEAD}")
    if family.unlike is not None and (reason := family.unlike(config)):
        raise DataError(f"{model_dir} {reason}: {INSTEAD}")
    if (scaling := _rope(config)["rope_type"]) not in _SCALINGS:
        raise DataError(f"{model_dir} uses RoPE scaling {scaling}: {INSTEAD}")
    return family


def add_settings(writer: Any, family: Family, config: Any) -> None:
    """Write the hyperparameters of the model that llama.cpp needs."""
    head_dim = head_dim_of(config)
    rope = _rope(config)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if rope["rope_type"] in {"linear", "yarn"}:
        writer.add_string(f"{family.architecture}.rope.scaling.type", rope["rope_type"])
        writer.add_rope_scaling_factor(rope["factor"])
        if rope["rope_type"] == "yarn":
            original = rope.get("original_max_position_embeddings") or config.max_position_embeddings
            writer.add_rope_scaling_orig_ctx_len(original)
    if family.settings is not None:
        family.settings(writer, config)


def head_dim_of(config: Any) -> int:
    """Size of each attention head."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def converted(rows: Tensor, gguf_name: str, family: Family, config: Any) -> Tensor:
    """A tensor's values in llama.cpp's layout, in fp32."""
    rows = rows.float()
    if family.norms_less_one and gguf_name.endswith("norm.weight"):
        rows = rows + 1
    if family.rotates_pairs:
        heads = rotated_heads(gguf_name, config.num_attention_heads, config.num_key_value_heads)
        rows = to_pairs(rows, heads) if heads else rows
    return rows


def rope_factors(config: Any) -> dict[str, list[float]]:
    """The divisor of each rotary frequency, by tensor of the GGUF file; empty without RoPE scaling."""
    rope = _rope(config)
    if rope["rope_type"] == "longrope":
        return {f"rope_factors_{length}.weight": rope[f"{length}_factor"] for length in ("long", "short")}
    if rope["rope_type"] == "llama3":
        return {"rope_freqs.weight": _llama3_factors(rope, head_dim_of(config))}
    return {}


def _llama3_factors(rope: dict[str, Any], head_dim: int) -> list[float]:
    """Long wavelengths are scaled by `factor`, short ones are unchanged, those between are interpolated.

    Source: transformers, modeling_rope_utils._compute_llama3_parameters.
    """
    low, high, original = rope["low_freq_factor"], rope["high_freq_factor"], rope["original_max_position_embeddings"]
    factors = []
    for index in range(0, head_dim, 2):
        turns = original * rope["rope_theta"] ** (-index / head_dim) / (2 * math.pi)  # within the original context
        blend = min(max((turns - low) / (high - low), 0.0), 1.0)
        factors.append(1 / ((1 - blend) / rope["factor"] + blend))
    return factors


def _rope(config: Any) -> dict[str, Any]:
    """The RoPE parameters; those of full attention if there are two kinds."""
    found: dict[str, Any] = config.rope_parameters
    full: dict[str, Any] = found.get("full_attention", found)
    return full
