"""Imports a Hugging Face model folder as a version."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from fine_tuning._util.library_errors import library_errors
from fine_tuning.base_models.model_folder import weights_file, weights_sha256
from fine_tuning.base_models.pretrained import check_loadable
from fine_tuning.errors import DataError
from fine_tuning.registry.model_card import FILE_NAME
from fine_tuning.store import artifacts
from fine_tuning.store.records.model_versions import NewModelVersion
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
MAX_CARD_CHARACTERS = 1 << 20
_BASE = re.compile(r"[\w.-]{1,99}(?:/[\w.-]{1,99})?", re.ASCII)  # a name or a hub id; never a path of the card's author


def import_folder(workspace: Workspace, model_name: str, folder: str | Path, base_model: str | None) -> NewModelVersion:
    """Record the weights of a model folder as an artifact. Returns the values to register a version with.

    A classifier head or another model of parts is registered alike, as it was exported.

    Args:
        base_model: the one that the folder's model card names by default.

    Raises:
        DataError: it is not a model folder, its weights may run code, or a library could not load it.
    """
    from fine_tuning.serving.engine_choice import (  # here: whoever lists models needs no engine
        check_composed,
        composed_kind,
    )

    folder = Path(folder)
    kind = composed_kind(folder)
    path = _checked(folder) if kind is None else folder.absolute()
    if kind is not None:
        check_composed(kind, path, workspace.settings)
    checksum = None if kind is not None else weights_sha256(weights_file(path))
    with workspace.database.write() as tx:
        artifact_id = artifacts.add(tx, None, "merged", str(path), checksum)
    return {
        "model_name": model_name,
        "base_model": base_model or (None if kind is None else kind.value) or _base_model_of_card(path) or "unknown",
        "job_id": f"folder-{path.name}"[:200],
        "artifact_id": artifact_id,
        "dataset_size": 0,
        "accuracy": None,
        "cost": None,
        "status": "READY",
        "provider": "local",
        "provider_model": str(path),
        "metadata": {"imported_from": str(path)},
    }


def _base_model_of_card(folder: Path) -> str | None:
    """The base model that a folder's model card names; None where there is none."""
    from huggingface_hub import ModelCard

    card = folder / FILE_NAME
    if card.is_symlink() or not card.is_file():
        return None
    try:
        with library_errors(f"{card} is no model card", "correct it"), card.open(encoding="utf-8") as stream:
            found = ModelCard(stream.read(MAX_CARD_CHARACTERS)).data.get("base_model")
    except DataError as error:
        _log.warning("%s; name the base model with the import", error)
        return None
    return found if isinstance(found, str) and _BASE.fullmatch(found) else None


def _checked(folder: Path) -> Path:
    if missing := [file.name for file in (folder / "config.json", weights_file(folder)) if not file.is_file()]:
        pickled = [path.name for path in folder.glob("*.bin")] + [path.name for path in folder.glob("*.pt")]
        why = f"; {pickled[0]} may run code and is not read, save it as safetensors" if pickled else ""
        raise DataError(f"{folder} is not a model folder: {missing[0]} is missing{why}")
    check_loadable(folder.absolute())
    return folder.absolute()
