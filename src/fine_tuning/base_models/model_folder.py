"""Model folders in Hugging Face's layout: check, count parameters, write atomically."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from fine_tuning._util.files import (
    PARTIAL,
    file_signature,
    is_file,
    make_folder,
    read_json,
    sha256_file,
    translated_os_errors,
)
from fine_tuning.base_models import template_names
from fine_tuning.base_models.model_config import Sizes, check_config, check_token_ids
from fine_tuning.base_models.model_weights import INDEX, check_amount, check_weights
from fine_tuning.base_models.safetensors_header import StoredTensor, read_header
from fine_tuning.base_models.tokenizer_files import check_tokenizer, read_object
from fine_tuning.errors import DataError, NotFoundError

CONFIG, GENERATION = "config.json", "generation_config.json"
Signature = tuple[tuple[str | int, ...], ...]
_READ = {".json", ".safetensors", ".jinja"}


def check_model_folder(folder: Path, *, needs_template: bool = True) -> None:
    """Check that `folder` has what training and serving read, as `check_files` does; nothing in it is executed.

    Args:
        needs_template: False where the chat template is given beside the folder.

    Raises:
        NotFoundError: the folder or its configuration is missing.
        DataError: no safetensors weights, no tokenizer.json or no chat template, or a file is damaged.
    """
    check_files(folder)
    if not (folder / "tokenizer.json").is_file():
        raise DataError(f"{folder} has no tokenizer.json; save the tokenizer in the fast format beside the weights")
    if needs_template and not has_chat_template(folder):
        raise DataError(f"{folder} has no chat template; {template_names.ADVICE}")


def check_files(folder: Path) -> None:
    """Check configuration, weights and tokenizer before a library reads them; files that did not change only once.

    Raises:
        NotFoundError: the folder or its configuration is missing.
        DataError: there are no safetensors weights, or a file is a link, damaged, or does not fit the others.
    """
    if not is_file(folder / CONFIG):
        raise NotFoundError(f"{folder} is not a model folder: it has no config.json; name the folder that holds it")
    _check_unchanged(folder, _signature(folder))


def check_encoder_files(folder: Path) -> None:
    """As `check_files`, of a network that embeds: its layers may share their weights, and have names of their own.

    Raises:
        NotFoundError, DataError: see `check_files`.
    """
    if not is_file(folder / CONFIG):
        raise NotFoundError(f"{folder} is not a model folder: it has no config.json; name the folder that holds it")
    _signature(folder)  # refuses links
    sizes = Sizes(check_config(read_object(folder / CONFIG), folder / CONFIG))
    tensors = read_tensors(folder)
    if not tensors:
        raise DataError(f"{folder} has no .safetensors weights (pickled ones are not read); save it as safetensors")
    check_amount(folder, tensors, sizes, times_shared=sizes.layers or 1)
    check_tokenizer(folder)


@lru_cache(maxsize=64)
def _check_unchanged(folder: Path, signature: Signature) -> None:  # noqa: ARG001 - what the result is kept for
    sizes = Sizes(check_config(read_object(folder / CONFIG), folder / CONFIG))
    if not _weight_files(folder):
        raise DataError(f"{folder} has no .safetensors weights (pickled ones are not read); save it as safetensors")
    check_weights(folder, read_tensors(folder), sizes)
    if (folder / GENERATION).exists():
        check_token_ids(read_object(folder / GENERATION), folder / GENERATION)
    check_tokenizer(folder)


def _signature(folder: Path) -> Signature:
    """Size, times and place on the disk of each file that libraries read.

    Raises:
        DataError: one is a link, a pipe or a folder.
    """
    found = []
    for file in sorted(folder.iterdir()):
        if file.suffix not in _READ:
            continue
        if file.is_symlink() and not _is_cached(file):
            raise DataError(f"{file} is a link, and links in a model folder are not followed; copy the file there")
        if not is_file(file):
            raise DataError(f"{file} is not a file; remove it or fetch the model again")
        found.append((file.name, *file_signature(file)))
    return tuple(found)


def _is_cached(link: Path) -> bool:
    """Whether this is a file of Hugging Face's cache, which links each snapshot/<revision>/file to blobs/<hash>."""
    blobs = [each.parent / "blobs" for each in link.absolute().parents if each.name == "snapshots"]
    return link.resolve().parent in [each.resolve() for each in blobs]


def has_chat_template(folder: Path) -> bool:
    """Whether the model has a template that formats a conversation as text."""
    settings = folder / "tokenizer_config.json"
    if (folder / "chat_template.jinja").is_file():
        return True
    return settings.is_file() and bool(read_json(settings).get("chat_template"))


def count_parameters(folder: Path) -> int | None:
    """Number of weights stored in the folder's safetensors files, read from their headers; None if there are none.

    Raises:
        DataError: a file is cut short or is not safetensors.
    """
    files = _weight_files(folder)
    return sum(math.prod(tensor.shape) for file in files for tensor in read_header(file).values()) if files else None


def size_on_disk(folder: Path) -> int:
    """Bytes of all files in the folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def atomic_model_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` when the block ends well, and is removed when it does not.

    If another process has created `target` meanwhile, that one is kept; both hold the same files.

    Raises:
        StorageError: the disk is full, read-only, or the folder may not be written.
    """
    make_folder(target.parent)
    with translated_os_errors(target, "write"):
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=PARTIAL))
    try:
        with translated_os_errors(target, "write"):
            yield temporary
            temporary.chmod(0o755)
            for file in temporary.iterdir():
                if file.stat().st_nlink == 1:  # another is a file of somebody else's, too
                    file.chmod(0o644)
            try:
                temporary.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def weights_file(folder: Path) -> Path:
    """The file of the weights: the only one, or the index of several; where there is none, the one that is missing."""
    index = folder / INDEX
    return index if index.is_file() else folder / "model.safetensors"


def weights_sha256(file: Path) -> str:
    """The checksum of weights in hexadecimal: of a file, or of all files beside an index.

    Raises:
        NotFoundError: the file is missing.
    """
    if file.name != INDEX:
        return sha256_file(file)
    lines = [f"{sha256_file(each)}  {each.name}" for each in _weight_files(file.parent)]
    return sha256("\n".join(lines).encode()).hexdigest()


def _weight_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("model*.safetensors"))


def read_tensors(folder: Path) -> dict[str, StoredTensor]:
    """The tensors of all files by name.

    Raises:
        DataError: a file is damaged, or two have a tensor of the same name.
    """
    found: dict[str, StoredTensor] = {}
    for file in _weight_files(folder):
        tensors = read_header(file)
        if twice := found.keys() & tensors.keys():
            raise DataError(f"{file} has tensor {min(twice)!r} once more; remove the files that are not of this model")
        found |= tensors
    return found
