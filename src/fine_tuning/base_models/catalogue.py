"""Resolve the name of a base model to its files: an embedded model, a local folder, or a Hugging Face hub model."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from fine_tuning.base_models.chat_templates import check_free, with_chat_template
from fine_tuning.base_models.embedded import EMBEDDED, SMOLLM2, is_ready, prepare
from fine_tuning.base_models.gguf_import import OnProgress
from fine_tuning.base_models.hub import from_hub
from fine_tuning.base_models.model_folder import check_model_folder, count_parameters, size_on_disk
from fine_tuning.errors import NotFoundError, UsageError

DEFAULT_BASE_MODEL = SMOLLM2.name

_OTHERWISE = f"use the embedded model {DEFAULT_BASE_MODEL} or the path of a local model folder"
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True)
class BaseModel:
    """A base model on this disk: `path` has config.json, safetensors, tokenizer.json and a chat template."""

    name: str
    path: Path
    parameters: int | None
    source: Literal["embedded", "path", "hub"]


@dataclass(frozen=True)
class ListedModel:
    """An embedded model and whether it is `ready` under `path`; `size_bytes` is its size there, None if it is not."""

    name: str
    parameters: int
    license: str
    path: Path
    ready: bool
    size_bytes: int | None


def is_embedded(name: str) -> bool:
    """Whether `name` is an embedded model."""
    return name.lower() in EMBEDDED


def embedded_names() -> list[str]:
    """The names of the embedded models."""
    return list(EMBEDDED)


def is_known(name: str) -> bool:
    """Whether `name` can be resolved here: an embedded model, a local folder, or the form of a hub id."""
    return is_embedded(name) or _folder(name) is not None or _HUB_ID.fullmatch(name) is not None


def folder_of(name: str) -> str | None:
    """The absolute path of a local model folder; None for another name."""
    folder = None if is_embedded(name) else _folder(name)
    return None if folder is None else str(folder)


def hub_id(name: str) -> str | None:
    """The id by which others find the base model at Hugging Face's hub; None of a local folder."""
    if model := EMBEDDED.get(name.lower()):
        return model.hub_id
    return name if _folder(name) is None and _HUB_ID.fullmatch(name) else None


def check(name: str, chat_template: str | None = None) -> None:
    """Check a name without fetching anything.

    Args:
        chat_template: for a model that has none.

    Raises:
        NotFoundError: the name is unknown, or the folder is not a model; the message lists the known names.
        DataError: the folder of this name is incomplete.
        UsageError: the model has another chat template.
    """
    if is_embedded(name):
        if chat_template is not None:
            raise UsageError(f"{name} has its own chat template; leave out {chat_template}")
        return
    if folder := _folder(name):
        check_model_folder(folder, needs_template=chat_template is None)
        if chat_template is not None:
            check_free(folder, chat_template)
        return
    if is_known(name):
        return
    near = get_close_matches(name.lower(), EMBEDDED, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    raise NotFoundError(
        f"no base model {name!r}: {hint}known are {', '.join(EMBEDDED)}, any local model folder, "
        "and Hugging Face ids such as HuggingFaceTB/SmolLM2-360M-Instruct"
    )


def resolve(name: str, models_dir: Path, chat_template: str | None = None) -> BaseModel:
    """Resolve the base model `name`; fetch it if it is not on this disk yet.

    Args:
        name: an embedded model's name, the path of a folder in Hugging Face's layout, or a hub id "organisation/model".
        models_dir: folder of converted embedded models; created if needed.
        chat_template: for a model that has none: the result is a folder in `models_dir` that has it.

    Raises:
        NotFoundError: the name is unknown; the message lists the known ones and the nearest.
        DataError: the model's files are damaged or incomplete.
        UsageError: the model has another chat template.
        ProviderError: the model has to be fetched and its host cannot be reached or refused.
        StorageError: the disk is full or read-only.
    """
    if chat_template is None:
        return pull(name, models_dir)
    check(name, chat_template)
    folder = _folder(name)
    source: Literal["path", "hub"] = "path"
    if folder is None:
        folder, source = from_hub(name, _OTHERWISE), "hub"
        check_model_folder(folder, needs_template=False)
    return _checked(name, with_chat_template(folder, chat_template, models_dir), source)


def pull(name: str, models_dir: Path, on_progress: OnProgress | None = None) -> BaseModel:
    """As `resolve`, calling `on_progress(step, share)` with the share of each step that is done, 0.0 to 1.0."""
    if model := EMBEDDED.get(name.lower()):
        path = prepare(model, models_dir.absolute() / model.name, on_progress)
        return BaseModel(model.name, path, model.parameters, "embedded")
    if folder := _folder(name):
        return _checked(name, folder, "path")
    check(name)
    return _checked(name, from_hub(name, _OTHERWISE), "hub")


def folder_at_hand(name: str, models_dir: Path) -> Path | None:
    """The folder of a base model that is on this disk already; None of one that would have to be fetched."""
    if model := EMBEDDED.get(name.lower()):
        folder = models_dir.absolute() / model.name
        return folder if is_ready(model, folder) else None
    return _folder(name)


def list_base_models(models_dir: Path) -> list[ListedModel]:
    """The embedded models, and whether each is ready under `models_dir`; nothing is fetched."""
    listed = []
    for model in EMBEDDED.values():
        folder = models_dir.absolute() / model.name
        ready = is_ready(model, folder)
        size = size_on_disk(folder) if ready else None
        listed.append(ListedModel(model.name, model.parameters, model.license, folder, ready, size))
    return listed


def _folder(name: str) -> Path | None:
    """The existing folder that `name` is the path of."""
    folder = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser fails for a user that does not exist
    return folder.absolute() if name and folder.is_dir() else None


def _checked(name: str, folder: Path, source: Literal["path", "hub"]) -> BaseModel:
    check_model_folder(folder)
    return BaseModel(name, folder, count_parameters(folder), source)
