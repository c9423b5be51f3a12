"""Datasets, and the recipes by which they were made."""

from __future__ import annotations

from typing import NotRequired, TypedDict, final

from fine_tuning.store.records.manifests import ExamplesFacts, ManifestFacts


@final
class ExamplesRecipe(ExamplesFacts):
    """`datasets.recipe` of one file."""


@final
class SplitRecipe(TypedDict):
    """`datasets.recipe` of a split's file: the hash of its dataset, the split's name and its tokens."""

    part_of: str
    part: str
    tokens: int | None


@final
class BuiltRecipe(ManifestFacts):
    """`datasets.recipe` of a dataset in splits: its manifest."""


DatasetRecipe = ExamplesRecipe | SplitRecipe | BuiltRecipe


class NewDataset(TypedDict):
    """A dataset to record; see `store.datasets.freeze`."""

    name: str
    content_hash: str
    format: str
    path: str
    rows: int
    recipe: DatasetRecipe
    project: NotRequired[str]


class Dataset(NewDataset):
    """A row of `datasets`; created_at is ISO 8601, UTC."""

    id: int
    created_at: str


class ListedDataset(TypedDict):
    """A dataset in a list."""

    name: str
    format: str
    rows: int
    path: str
    created_at: str
    hash: str


class TrainingFile(TypedDict):
    """A file that can be trained on; part is the name of its split, "all" of a dataset of one file."""

    name: str
    part: str
    rows: int
    path: str
