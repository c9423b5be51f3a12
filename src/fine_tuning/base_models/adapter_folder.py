"""Check a LoRA adapter's folder before a library reads it: its settings, and its tensors against those of the base."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fine_tuning._util.files import FileSignature, file_signature
from fine_tuning.base_models.model_folder import check_files, read_tensors
from fine_tuning.base_models.safetensors_header import StoredTensor, read_header
from fine_tuning.base_models.tokenizer_files import read_object
from fine_tuning.errors import DataError

SETTINGS, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MAX_RANK = 4096
MAX_ALPHA = 1e6
PAIR = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")
"""The name of a tensor of an adapter."""
_NAME = re.compile(r"[\w.-]{1,200}")


def check_adapter(folder: Path, base: Path) -> None:
    """Check the adapter in `folder` of the model in `base`; files that did not change only once.

    Raises:
        NotFoundError: a file is missing.
        DataError: a file is damaged, its settings are absurd, or a tensor does not fit the base.
    """
    files = [folder / SETTINGS, folder / WEIGHTS]
    for file in files:
        if file.is_symlink():
            raise DataError(f"{file} is a link, and links in an adapter's folder are not followed; copy the file there")
    check_files(base)
    files += sorted(base.glob("model*.safetensors"))
    _check_unchanged(folder, base, tuple(map(file_signature, files)))


@lru_cache(maxsize=256)
def _check_unchanged(folder: Path, base: Path, signatures: tuple[FileSignature, ...]) -> None:  # noqa: ARG001
    rank = _check_settings(read_object(folder / SETTINGS), folder / SETTINGS)
    tensors, pairs = read_header(folder / WEIGHTS), dict[str, dict[str, StoredTensor]]()
    for name, tensor in tensors.items():
        if match := PAIR.fullmatch(name):
            pairs.setdefault(match["layer"], {})[match["side"]] = tensor
    if not tensors:
        raise DataError(f"{folder / WEIGHTS} has no tensors; train the adapter again")
    matrices = read_tensors(base)
    for layer, sides in pairs.items():
        _check_pair(layer, sides, matrices.get(f"{layer}.weight"), rank, folder / WEIGHTS)


def _check_settings(settings: Mapping[str, Any], file: Path) -> int:
    """Check the settings; returns the highest rank."""
    advice = "train the adapter again"
    if settings.get("peft_type") != "LORA":
        raise DataError(f"{file} is not of a LoRA adapter; {advice}")
    ranks = [settings.get("r"), *_numbers(settings, "rank_pattern")]
    if not all(type(rank) is int and 1 <= rank <= MAX_RANK for rank in ranks):
        raise DataError(f"{file}: r or rank_pattern is not 1 to {MAX_RANK:,}; {advice}")
    for alpha in (settings.get("lora_alpha"), *_numbers(settings, "alpha_pattern")):
        if type(alpha) not in {int, float} or not 0 < alpha <= MAX_ALPHA:
            raise DataError(f"{file}: lora_alpha or alpha_pattern is not 0 to {MAX_ALPHA:,.0f}; {advice}")
    modules = settings.get("target_modules")
    modules = [modules] if isinstance(modules, str) else modules
    if not isinstance(modules, list):
        raise DataError(f"{file}: target_modules are not the names of layers; {advice}")
    names = [*modules, *(settings.get("rank_pattern") or {}), *(settings.get("alpha_pattern") or {})]
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise DataError(f"{file}: target_modules are not the names of layers; {advice}")  # peft matches patterns
    return max(int(rank) for rank in ranks if rank is not None)


def _numbers(settings: Mapping[str, Any], key: str) -> list[Any]:
    found = settings.get(key) or {}
    return list(found.values()) if isinstance(found, dict) else [None]


def _check_pair(
    layer: str, sides: Mapping[str, StoredTensor], matrix: StoredTensor | None, rank: int, file: Path
) -> None:
    """Check that A is (rank, inputs) and B (outputs, rank) of the base's matrix (outputs, inputs), where it has it."""
    shapes = [each.shape for each in sides.values()]
    if len(sides) < 2:
        raise DataError(f"{file} lacks lora_{'B' if 'A' in sides else 'A'} of {layer[:100]}; train the adapter again")
    down, up = sides["A"], sides["B"]
    is_pair = all(len(shape) == 2 for shape in shapes) and down.shape[0] == up.shape[1] <= rank
    if not is_pair or not (down.is_float and up.is_float):
        raise DataError(f"{file}: the tensors of {layer[:100]} are no pair of rank {rank}; train the adapter again")
    fits = matrix is None or not matrix.is_float or matrix.shape == (up.shape[0], down.shape[1])
    if not fits and matrix is not None:
        raise DataError(
            f"{file}: {layer[:100]} is for a matrix of {up.shape[0]} x {down.shape[1]}, and the base model has "
            f"{' x '.join(map(str, matrix.shape))}; name the base that it was trained on"
        )
