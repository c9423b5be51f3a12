"""Datasets, and the recipes by which they were made."""

from __future__ import annotations

from typing import Literal, Required, TypedDict, final

from fine_tuning.store.records.manifests import ManifestFacts


class DerivationStep(TypedDict, total=False):
    """How examples were chosen from others; `operation` names the step, the other keys are its arguments."""

    operation: Required[Literal["validate", "split", "slice"]]
    min_prompt_length: int
    min_response_length: int
    side: Literal["train", "test"]
    train_ratio: float
    seed: int
    rows: str


@final
class ExamplesRecipe(TypedDict, total=False):
    """`datasets.recipe` of one file: the filters that found its examples, and what was done with these.

    Attributes:
        source: "distillation" (captured calls) or "given" (rows that the caller brought).
        derived: steps after finding, in order.
        saved: rows in the file.
        exported_from, file: of a hosted account's file: the host's address, and the file's id there.
    """

    source: str
    min_rating: int
    domain: str | None
    task_type: str | None
    limit: int | None
    found: int
    derived: list[DerivationStep]
    saved: int
    exported_from: str
    file: str


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
