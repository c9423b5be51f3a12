"""Find datasets by name, hash or folder."""

from __future__ import annotations

from pathlib import Path

from fine_tuning._util.files import is_file
from fine_tuning.data_io import sources
from fine_tuning.datasets import manifest
from fine_tuning.errors import NotFoundError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.datasets import Dataset, ListedDataset
from fine_tuning.store.records.manifests import DatasetManifest, FileRecipe, SplitFile
from fine_tuning.store.records.rows import record


def newest(database: Database, limit: int, offset: int = 0) -> list[ListedDataset]:
    """The newest datasets first."""
    with database.read() as tx:
        found = datasets.newest(tx, limit, offset)
    return [
        {
            "name": each["name"],
            "format": each["format"],
            "rows": each["rows"],
            "path": each["path"],
            "created_at": each["created_at"],
            "hash": each["content_hash"],
        }
        for each in found
    ]


def count(database: Database) -> int:
    """The number of datasets."""
    with database.read() as tx:
        return datasets.count(tx)


def manifest_of(database: Database, name: str) -> DatasetManifest:
    """A dataset's manifest; for one of a single file the same facts, as far as they were recorded.

    Raises:
        NotFoundError: there is no such dataset.
    """
    if is_file(Path(name) / manifest.FILE):
        return manifest.read(Path(name)).as_dict()
    found = _find(database, name)
    recipe = found["recipe"]
    if "parts" in recipe:
        return record(DatasetManifest, {"hash": found["content_hash"], "name": found["name"], **recipe})
    file: SplitFile = {
        "file": Path(found["path"]).name,
        "rows": found["rows"],
        "content_hash": found["content_hash"],
        "tokens": None,
    }
    return {
        "hash": found["content_hash"],
        "name": found["name"],
        "recipe": record(FileRecipe, {"format": found["format"], **recipe}),
        "parts": {"all": file},
        "counts": {"read": found["rows"], "kept": found["rows"], "rejected": 0, "duplicates": 0, "left_out": 0},
        "steps": {},
        "findings": [],
        "conflicts": {"questions": 0, "rows": 0, "first": []},
        "lengths": None,
        "sources": [str(recipe.get("source", "examples"))],
        "versions": {},
    }


def folder_of(database: Database, name: str) -> Path:
    """The folder of a dataset that was built.

    Raises:
        NotFoundError: there is no such dataset, or it is a single file.
    """
    if is_file(Path(name) / manifest.FILE):
        return Path(name)
    folder = Path(_find(database, name)["path"])
    if not is_file(folder / manifest.FILE):
        raise NotFoundError(
            f"{name} is not a dataset with a manifest ({folder}); build one with `ft-cli dataset build`"
        )
    return folder


def files_of(database: Database, name: str) -> list[str]:
    """The files of a dataset's splits, or those of a path or glob.

    Raises:
        NotFoundError: there is neither.
    """
    folder = Path(name)
    if not is_file(folder / manifest.FILE):
        with database.read() as tx:
            found = None if folder.exists() else datasets.find(tx, name)
        if found is None:
            return sources.expand([name])
        folder = Path(found["path"])
        if is_file(folder):
            return [str(folder)]
    return [str(folder / split["file"]) for split in manifest.read(folder).parts.values()]


def project_of(database: Database, name: str) -> str:
    """The project of a dataset by its name, hash, folder or file; the default one of a file that is of none."""
    path = Path(name).absolute()
    with database.read() as tx:
        found = datasets.newest_at(tx, str(path)) or datasets.newest_at(tx, str(path.parent))
        found = found or (None if path.exists() else datasets.find(tx, name))
    return DEFAULT_PROJECT if found is None else found.get("project", DEFAULT_PROJECT)


def _find(database: Database, name: str) -> Dataset:
    with database.read() as tx:
        found = datasets.find(tx, name)
    if found is None:
        raise NotFoundError(f"no dataset {name}; `ft-cli dataset list` shows them")
    return found
