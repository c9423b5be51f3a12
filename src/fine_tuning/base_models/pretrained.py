"""The only place where transformers reads a model folder: checked first, no code in it run, no weight made up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fine_tuning._util.lazy_imports import import_transformers
from fine_tuning._util.library_errors import library_errors
from fine_tuning.base_models.model_folder import check_files
from fine_tuning.base_models.tokenizer_files import check_tokenizer, read_object
from fine_tuning.base_models.tokenizer_trial import try_tokenizer
from fine_tuning.errors import DataError

# Said each time: left out, transformers asks on the terminal whether to run a folder's code.
_FILES_ONLY = {"local_files_only": True, "trust_remote_code": False}
_ADVICE = "fetch or save the model again, or choose one that transformers supports"


def load_config(folder: Path) -> Any:
    """The configuration as transformers reads it, legacy formats included.

    Raises:
        NotFoundError, DataError: the folder is no model, is damaged, or its kind is unknown to transformers.
        ImportError: transformers is not installed.
    """
    check_files(folder)
    import_transformers()
    from transformers import CONFIG_MAPPING, AutoConfig

    with library_errors(f"transformers cannot load {folder}", _ADVICE):
        kind, settings = _kind(folder)
        if kind not in CONFIG_MAPPING:
            own = " and the code that it names is never run" if "auto_map" in settings else ""
            raise DataError(f"transformers cannot load {folder}: it does not know {kind} models{own}; choose another")
        return AutoConfig.from_pretrained(folder, **_FILES_ONLY)


def load_tokenizer(folder: Path, **options: Any) -> Any:
    """The tokenizer; `options` are those of transformers. Raises as `load_config` does."""
    if (folder / "config.json").exists():
        check_files(folder)
    else:  # an adapter's folder has a tokenizer, too
        check_tokenizer(folder)
    import_transformers()
    from transformers import AutoTokenizer

    with library_errors(f"transformers cannot load the tokenizer in {folder}", _ADVICE):
        return AutoTokenizer.from_pretrained(folder, **options, **_FILES_ONLY)


def load_network(folder: Path, **options: Any) -> Any:
    """The network with all of its weights from the folder's safetensors files; `options` are those of transformers.

    Raises:
        NotFoundError, DataError: as `load_config`, or the files lack a tensor or have one that the model does not.
        ImportError: transformers is not installed.
    """
    load_config(folder)
    from transformers import AutoModelForCausalLM

    with library_errors(f"transformers cannot load {folder}", _ADVICE), _without_report():
        network, found = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by name
            **options,
            **_FILES_ONLY,
        )
    for what, problem in (("missing_keys", "lack"), ("mismatched_keys", "have another shape for")):
        if keys := sorted(key if isinstance(key, str) else str(key[0]) for key in found[what]):
            raise DataError(f"the weights in {folder} {problem} {_listed(keys)}; fetch or save the model again")
    return network


def check_loadable(folder: Path) -> None:
    """Check that transformers reads configuration and tokenizer, which is tried, and that no tensor is missing.

    Slower than `check_files` (seconds), so for a folder that is new here. Where transformers is not installed, that
    check is all.

    Raises:
        NotFoundError, DataError: as `load_network`.
    """
    check_files(folder)
    try:
        load_config(folder)
    except ImportError:
        return
    if (folder / "tokenizer.json").exists():
        try_tokenizer(folder)
        load_tokenizer(folder)
    load_network(folder, device_map="meta")  # names and shapes alone


def _kind(folder: Path) -> tuple[str, dict[str, Any]]:
    settings = read_object(folder / "config.json")
    return settings["model_type"], settings


@contextmanager
def _without_report() -> Iterator[None]:
    """Keep transformers from printing a table of the tensors that the caller names in an error."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - 3} more tensors" if len(keys) > 3 else ""
    return f"{', '.join(key[:100] for key in keys[:3])}{more}"
