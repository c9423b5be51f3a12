"""A model whose weights are one quantized GGUF file, with the settings and the tokenizer of what it was made from."""

from __future__ import annotations

import shutil
from pathlib import Path

from fine_tuning._util.files import atomic_folder, translated_os_errors
from fine_tuning._util.own_process import called_apart
from fine_tuning.base_models.tokenizer_files import check_tokenizer
from fine_tuning.errors import DataError
from fine_tuning.export.gguf import export_gguf
from fine_tuning.export.gguf_trial import check_gguf, trust
from fine_tuning.export.kept_gguf import SOURCES
from fine_tuning.export.made_files import record, signatures, valid_record
from fine_tuning.export.quantization import KINDS

AS_SERVED = "f16"  # what any model is answered with here, unless it is quantized


def quantized_model(source: Path, kind: str) -> Path:
    """The folder of a model's weights in a quantization, beside the model's; written where it is not there.

    Raises:
        DataError: the model cannot be written as GGUF, or llama.cpp cannot load the file.
        StorageError: the disk is full or read-only.
    """
    folder = source.parent / kind
    if quantized_weights(folder) is not None:
        return folder
    with atomic_folder(folder) as unfinished, translated_os_errors(folder, "write"):
        for name in SOURCES:
            if (source / name).is_file():
                shutil.copyfile(source / name, unfinished / name)
        called_apart("torch", export_gguf, source, unfinished / _name(kind), kind)
    return folder


def quantized_weights(folder: Path) -> Path | None:
    """The weights of a quantized model; None for a folder that is none.

    llama.cpp opens a new file in another process first.

    Raises:
        DataError: the file or the tokenizer is damaged.
    """
    path = next(
        (folder / _name(kind) for kind in KINDS if kind != AS_SERVED and (folder / _name(kind)).is_file()), None
    )
    if path is None or any(folder.glob("model*.safetensors")):
        return None
    sources = [folder / name for name in SOURCES]
    if valid_record(path, sources) is not None:
        trust(path)
        return path
    if path.is_symlink():
        raise DataError(f"{path} is a link, and links in a model folder are not followed; copy the file there")
    check_tokenizer(folder)
    check_gguf(path)
    record(path, signatures(sources))
    return path


def quantization_of(weights: Path) -> str:
    """By the name of the file."""
    return weights.suffixes[-2].removeprefix(".")


def _name(kind: str) -> str:
    return f"model.{kind}.gguf"
