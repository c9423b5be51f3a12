"""The GGUF file that is kept beside a model's weights, and a record of what it was made from."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock
from typing import TypedDict, cast

from fine_tuning._util.files import file_signature, read_json, write_json
from fine_tuning.base_models.model_folder import check_files
from fine_tuning.errors import DataError
from fine_tuning.export.gguf import export_gguf
from fine_tuning.export.gguf_trial import check_gguf, trust

_log = logging.getLogger(__name__)
_making = Lock()  # a concurrent call for the same model waits, and both load the same file
NAME = "model.f16.gguf"
_SOURCES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


class _Record(TypedDict):
    """What a kept file was made from.

    sources, gguf: signatures of the source files by name, and of the file. Unlike hashes, they hold only for the files
        as they lie on this disk: a record that comes with a folder from elsewhere does not count.
    problem: why llama.cpp cannot load the file; None if it can.
    """

    sources: dict[str, list[int]]
    gguf: list[int]
    problem: str | None


def kept_gguf(folder: Path) -> Path | None:
    """The model as GGUF beside its weights, written at first use; None if its kind cannot be written as GGUF.

    It is written again after the weights, the configuration or the tokenizer changed, and where it is unknown what it
    was made from. llama.cpp opens a new file in another process first; if it cannot, the result is None, too.

    Raises:
        NotFoundError, DataError: the folder is not a model, or damaged.
        StorageError: the disk is full or read-only.
    """
    check_files(folder)
    path = folder / NAME
    record = _valid_record(path)
    if record is None:
        with _making:
            record = _valid_record(path) or _made(path)
    if record is None or record["problem"] is not None:
        return None
    trust(path)
    return path


def _made(path: Path) -> _Record | None:
    """Write the file and its record; None if the model's kind cannot be written as GGUF."""
    sources = _sources(path.parent)
    try:
        export_gguf(path.parent, path)
    except DataError:
        return None  # answered through transformers instead
    problem = None
    try:
        check_gguf(path)
    except DataError as error:
        problem = str(error)
        _log.warning("%s; transformers answers instead", problem)
    found = _Record(sources=sources, gguf=list(file_signature(path)), problem=problem)
    write_json(_record_path(path), found)
    return found


def _valid_record(path: Path) -> _Record | None:
    """The record beside a file, if it is of this file and of the sources as they are."""
    if not path.is_file() or not _record_path(path).is_file():
        return None
    try:
        found = read_json(_record_path(path))
    except DataError:
        return None
    now = {"sources": _sources(path.parent), "gguf": list(file_signature(path))}
    is_valid = isinstance(found, dict) and found == {**now, "problem": found.get("problem")}
    return cast("_Record", found) if is_valid else None


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _sources(folder: Path) -> dict[str, list[int]]:
    files = [*(folder / name for name in _SOURCES), *sorted(folder.glob("model*.safetensors"))]
    return {file.name: list(file_signature(file)) for file in files if file.is_file()}
