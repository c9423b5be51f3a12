"""Folders that Hugging Face's `save_to_disk` writes: their Arrow files, in order.

Source: https://huggingface.co/docs/datasets/package_reference/main_classes#datasets.Dataset.save_to_disk
"""

from __future__ import annotations

import json
from pathlib import Path

from fine_tuning.data_io.json_values import JsonObject, is_list, is_object
from fine_tuning.errors import DataError, NotFoundError

_STATE, _SPLITS, _INFO = "state.json", "dataset_dict.json", "dataset_info.json"


def files_of(folder: Path) -> list[str] | None:
    """The files of a saved dataset, or of each split of a saved dict of them; None for any other folder.

    Raises:
        DataError: its list of files is malformed.
        NotFoundError: a file that it lists is missing.
    """
    if (folder / _SPLITS).is_file():
        splits = _read(folder / _SPLITS).get("splits")
        if not is_list(splits) or not all(isinstance(each, str) for each in splits):
            raise DataError(f"{folder / _SPLITS} lists no splits; save the dataset again")
        return [file for split in splits for file in _listed(folder / str(split))]
    return _listed(folder) if is_saved(folder) else None


def is_saved(folder: Path) -> bool:
    """Whether a folder is one saved dataset."""
    return (folder / _STATE).is_file() and (folder / _INFO).is_file()


def is_about_dataset(file: Path) -> bool:
    """Whether a file describes a saved dataset, and holds no rows."""
    if file.name in {_STATE, _INFO}:
        return is_saved(file.parent)
    return file.name == _SPLITS


def without_descriptions(names: list[str]) -> list[str]:
    """The files of a listing in object storage without those that describe a saved dataset beside its Arrow files."""
    folders = {name.rpartition("/")[0] for name in names if name.endswith(".arrow")}
    described = folders | {folder.rpartition("/")[0] for folder in folders}

    def is_description(name: str) -> bool:
        folder, _, file = name.rpartition("/")
        return file in {_STATE, _INFO, _SPLITS} and folder in described

    return [name for name in names if not is_description(name)]


def _listed(folder: Path) -> list[str]:
    if not (folder / _STATE).is_file():
        raise NotFoundError(f"{folder / _STATE} is missing; save the dataset again")
    state = _read(folder / _STATE)
    listed = state.get("_data_files")
    names = [each.get("filename") if is_object(each) else None for each in listed] if is_list(listed) else [None]
    found = [folder / name for name in names if isinstance(name, str)]
    if len(found) < len(names):
        raise DataError(f"{folder / _STATE} lists no files; save the dataset again")
    if missing := next((file for file in found if not file.is_file()), None):
        raise NotFoundError(f"{missing} is missing, which {_STATE} lists; copy the whole folder")
    return [str(file) for file in found]


def _read(file: Path) -> JsonObject:
    try:
        value: object = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read ({error}); save the dataset again") from None
    if not is_object(value):
        raise DataError(f"{file} is not a JSON object; save the dataset again")
    return value
