"""The GGUF file that is kept beside a model's weights."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock

from fine_tuning._util.own_process import called_apart
from fine_tuning.base_models.model_folder import check_files
from fine_tuning.errors import DataError
from fine_tuning.export.gguf import export_gguf
from fine_tuning.export.gguf_trial import check_gguf, trust
from fine_tuning.export.made_files import MadeFile, record, signatures, valid_record

_log = logging.getLogger(__name__)
_making = Lock()  # a concurrent call for the same model waits, and both load the same file
NAME = "model.f16.gguf"
SOURCES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


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
    found = valid_record(path, model_files(folder))
    if found is None:
        with _making:
            found = valid_record(path, model_files(folder)) or _made(path)
    if found is None or found["problem"] is not None:
        return None
    trust(path)
    return path


def is_kept_gguf(path: Path) -> bool:
    """Whether a file of a model's folder is GGUF, or the record of one, which holds on this disk alone."""
    return path.suffix == ".gguf" or path.name.endswith(".gguf.json")


def model_files(folder: Path) -> list[Path]:
    """The files that a GGUF file is made from."""
    return [*(folder / name for name in SOURCES), *sorted(folder.glob("model*.safetensors"))]


def _made(path: Path) -> MadeFile | None:
    """Write the file and its record; None if the model's kind cannot be written as GGUF."""
    sources = signatures(model_files(path.parent))
    try:
        called_apart("torch", export_gguf, path.parent, path)
    except DataError:
        return None  # answered through transformers instead
    problem = None
    try:
        check_gguf(path)
    except DataError as error:
        problem = str(error)
        _log.warning("%s; transformers answers instead", problem)
    return record(path, sources, problem)
