"""Whether a model's tensors are those that its configuration describes, by their names, types and shapes."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from fine_tuning.base_models.model_config import Sizes
from fine_tuning.base_models.safetensors_header import StoredTensor
from fine_tuning.base_models.tokenizer_files import read_object
from fine_tuning.errors import DataError

INDEX = "model.safetensors.index.json"
MARGIN = 4  # layers may be smaller than the configuration's sizes, as where every second one has experts
PACKED = 16  # weights in one stored integer
_UNPACKED = {"F64", "F32", "F16", "BF16"}
_LAYER = re.compile(r"(?P<stem>.*?)(?:layers|blocks|h)\.(?P<number>\d{1,9})\.")


def check_weights(folder: Path, tensors: Mapping[str, StoredTensor], sizes: Sizes) -> None:
    """Check the tensors of all files of a folder.

    Raises:
        DataError: they are no weights of this configuration, or the index names files that are not there.
    """
    if not tensors:
        raise DataError(f"the safetensors files in {folder} have no tensors; fetch or save the model again")
    if (folder / INDEX).exists():
        _check_index(folder, tensors)
    _check_layers(folder, tensors, sizes)
    check_amount(folder, tensors, sizes)
    if not sizes.is_quantized:  # which packs matrices into integers of other shapes
        _check_matrices(folder, tensors, sizes)
    elif all(each.dtype in _UNPACKED for each in tensors.values()):
        raise DataError(f"{folder}: config.json describes quantized weights, and the files have none; fetch both again")


def _check_index(folder: Path, tensors: Mapping[str, StoredTensor]) -> None:
    files = read_object(folder / INDEX).get("weight_map")
    if not isinstance(files, dict) or not all(isinstance(file, str) for file in files.values()):
        raise DataError(f"{folder / INDEX} has no weight_map; fetch the model again")
    for file in sorted(set(files.values())):
        if Path(file).name != file or not (folder / file).is_file():
            raise DataError(f"{folder / INDEX} names {ascii(file)[:100]}, which is no file beside it; fetch it again")
    if unknown := sorted(files.keys() - tensors.keys()):
        raise DataError(f"{folder / INDEX} names tensor {ascii(unknown[0])[:100]}, which no file has; fetch it again")


def _check_layers(folder: Path, tensors: Mapping[str, StoredTensor], sizes: Sizes) -> None:
    """Compare the numbers of the layers with the configuration, where tensors are named as usual."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for name in tensors:
        if match := _LAYER.match(name):
            found[match["stem"]].add(int(match["number"]))
    if sizes.layers is None or not found:
        return
    expected = [set(range(sizes.layers)), set(range(sizes.layers + sizes.extra_layers))]
    if not any(numbers in expected for numbers in found.values()):
        most = max(len(numbers) for numbers in found.values())
        raise DataError(
            f"{folder}: config.json describes {sizes.layers} layers, and the weights have {most}; fetch both again"
        )


def check_amount(folder: Path, tensors: Mapping[str, StoredTensor], sizes: Sizes, times_shared: int = 1) -> None:
    """Refuse a configuration of far more weights than are there: libraries allocate them before they look.

    Args:
        times_shared: how many layers may have the same weights.

    Raises:
        DataError: it is one.
    """
    stored = sum(math.prod(each.shape) for each in tensors.values())
    if sizes.parameters > stored * (PACKED if sizes.is_quantized else 1) * MARGIN * times_shared:
        raise DataError(
            f"{folder}: config.json describes a model of {sizes.parameters:,} weights, and the files have {stored:,}; "
            "fetch both again"
        )


def _check_matrices(folder: Path, tensors: Mapping[str, StoredTensor], sizes: Sizes) -> None:
    matrices = {name: each for name, each in tensors.items() if name.endswith(".weight") and len(each.shape) > 1}
    for name, each in matrices.items():
        if not each.is_float:
            raise DataError(f"{folder}: tensor {name[:100]!r} holds integers ({each.dtype}); save it as bf16")
    embedding = (sizes.vocabulary, sizes.hidden)
    if None not in embedding and embedding not in {each.shape for each in matrices.values()}:
        raise DataError(
            f"{folder}: config.json describes a vocabulary of {sizes.vocabulary:,} tokens of {sizes.hidden:,} values, "
            "and the weights have no such embedding; fetch both again"
        )
