"""Model folders in Hugging Face's layout: check, count parameters, write atomically."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fine_tuning._util.files import PARTIAL, make_folder, open_to_read, read_json, translated_os_errors
from fine_tuning.errors import DataError, NotFoundError


def check_model_folder(folder: Path) -> None:
    """Check that `folder` has what training and serving read; nothing in it is executed or unpickled.

    Raises:
        NotFoundError: the folder or its configuration is missing.
        DataError: no safetensors weights, no tokenizer.json or no chat template.
    """
    if not (folder / "config.json").is_file():
        raise NotFoundError(f"{folder} is not a model folder: it has no config.json; name the folder that holds it")
    if not _weight_files(folder):
        raise DataError(f"{folder} has no .safetensors weights (pickled ones are not read); save it as safetensors")
    if not (folder / "tokenizer.json").is_file():
        raise DataError(f"{folder} has no tokenizer.json; save the tokenizer in the fast format beside the weights")
    if not has_chat_template(folder):
        raise DataError(f"{folder} has no chat template; use an instruct model or add chat_template.jinja")


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
    return sum(math.prod(shape) for file in files for shape in _tensor_shapes(file)) if files else None


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
                file.chmod(0o644)
            try:
                temporary.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _weight_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("model*.safetensors"))


def _tensor_shapes(file: Path) -> list[list[int]]:
    """The shape of each tensor from the header: 8 bytes of length, then JSON (https://huggingface.co/docs/safetensors)."""
    with open_to_read(file) as stream:
        length = int.from_bytes(stream.read(8), "little")
        try:
            header = json.loads(stream.read(min(length, file.stat().st_size)))
            return [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise DataError(f"{file} is not a readable safetensors file; fetch or save it again") from error
