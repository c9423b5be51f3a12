"""The layout of an encoder's folder: its modules in the order in which sentence-transformers computes them.

The files are those of https://sbert.net/docs/package_reference/sentence_transformer/models.html (checked with 5.x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fine_tuning._util.files import read_json
from fine_tuning.errors import DataError

MODULES = "modules.json"
POOLINGS = ("cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
_GENERATIVE = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
Config = Mapping[str, Any]


@dataclass(frozen=True)
class EncoderLayout:
    """What is computed from a text.

    Attributes:
        network: folder of the transformer.
        poolings: of `POOLINGS`; several are concatenated.
        dense: folders of linear layers after the pooling.
        is_normalized: whether embeddings have unit length.
        max_tokens: limit of the folder's own settings, special tokens included; None where they have none.
        lower_case: whether texts are lowercased first.
        prompt: what is put before each text.
    """

    network: Path
    poolings: tuple[str, ...] = ("mean",)
    dense: tuple[Path, ...] = ()
    is_normalized: bool = False
    max_tokens: int | None = None
    lower_case: bool = False
    prompt: str = ""


def is_embedding_folder(folder: Path) -> bool:
    """Whether the model in a folder embeds texts instead of generating them."""
    if (folder / MODULES).is_file():
        return True
    if not (folder / "config.json").is_file():
        return False
    config = read_json(folder / "config.json")
    architectures = config.get("architectures") if isinstance(config, dict) else None
    names = [str(name) for name in architectures] if isinstance(architectures, list) else []
    return bool(names) and not any(name.endswith(_GENERATIVE) for name in names)


def modules_of(folder: Path) -> list[tuple[str, Path]]:
    """Kind and folder of each module, in their order; none without modules.json.

    Raises:
        DataError: a module is outside of the folder.
    """
    if not (folder / MODULES).is_file():
        return []
    named = read_json(folder / MODULES)
    if not isinstance(named, list):
        raise DataError(f"{folder.name}/{MODULES} is no list of modules; fetch or save the model again")
    listed = sorted(named, key=lambda each: int(each["idx"]))
    found = [(str(each["type"]).rsplit(".", 1)[-1], folder / str(each["path"])) for each in listed]
    if outside := [place for _, place in found if not place.resolve().is_relative_to(folder.resolve())]:
        raise DataError(f"{folder.name}/{MODULES} names {ascii(outside[0].name)[:100]}, which is not in its folder")
    return found


def read_layout(folder: Path) -> EncoderLayout:
    """The layout of a folder; without modules.json the mean of the last layer is taken, as it is.

    Raises:
        DataError: a module or a pooling is none of those that are computed here.
    """
    if not (folder / MODULES).is_file():
        return EncoderLayout(folder)
    network, is_normalized = folder, False
    poolings: tuple[str, ...] = ("mean",)
    dense: list[Path] = []
    for kind, place in modules_of(folder):
        if kind == "Transformer":
            network = place
        elif kind == "Pooling":
            poolings = _poolings(place)
        elif kind == "Dense":
            dense.append(place)
        elif kind == "Normalize":
            is_normalized = True
        else:
            raise DataError(f"{folder.name} has a module {kind}, which is not supported; use another embedding model")
    settings = _optional(network / "sentence_bert_config.json")
    return EncoderLayout(
        network,
        poolings,
        tuple(dense),
        is_normalized,
        settings.get("max_seq_length"),
        bool(settings.get("do_lower_case")),
        _prompt(folder),
    )


def shorter_sizes(config: Config) -> tuple[int, ...] | None:
    """The lengths to which embeddings may be truncated, by the keys of config.json that vLLM reads too; None for any.

    Source: https://docs.vllm.ai/en/latest/models/pooling_models.html#matryoshka-embeddings
    """
    if sizes := config.get("matryoshka_dimensions"):
        return tuple(int(size) for size in sizes)
    return None if config.get("is_matryoshka") else ()


def _poolings(place: Path) -> tuple[str, ...]:
    config = read_json(place / "config.json")
    named = config.get("pooling_mode")  # of newer versions
    modes = [named] if isinstance(named, str) else named or [mode for key, mode in _MODES.items() if config.get(key)]
    if unknown := [str(mode) for mode in modes if mode not in POOLINGS]:
        raise DataError(f"the pooling {', '.join(unknown)} is not supported; it may be {', '.join(POOLINGS)}")
    if config.get("include_prompt") is False and _prompt(place.parent):
        raise DataError("a pooling without the prompt (include_prompt false) is not supported")
    return tuple(modes) or ("mean",)


def _prompt(folder: Path) -> str:
    """The prompt that sentence-transformers adds where the caller names none."""
    settings = _optional(folder / "config_sentence_transformers.json")
    return str((settings.get("prompts") or {}).get(settings.get("default_prompt_name"), ""))


def _optional(file: Path) -> Config:
    found: Config = read_json(file) if file.is_file() else {}
    return found
