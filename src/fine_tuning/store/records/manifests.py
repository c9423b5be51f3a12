"""What a dataset's manifest says."""

from __future__ import annotations

from typing import Literal, Required, TypedDict, final


class SplitFile(TypedDict):
    """A split in a manifest; tokens are None where they were not counted."""

    file: str
    rows: int
    content_hash: str
    tokens: int | None


class RowCounts(TypedDict):
    """Rows by status: read = kept + rejected + duplicates + left_out."""

    read: int
    kept: int
    rejected: int
    duplicates: int
    left_out: int


class FindingCount(TypedDict):
    """A code of a finding with its rows, and the first of them."""

    code: str
    severity: str
    rows: int
    file: str
    line: int
    field: str
    message: str
    advice: str


class Conflicts(TypedDict):
    """Questions with different answers, their rows, and file and line of the first ones."""

    questions: int
    rows: int
    first: list[list[tuple[str, int]]]


class Histogram(TypedDict):
    """Bin edges in tokens (one more than bins) and rows in each bin."""

    edges: list[float]
    counts: list[int]


class TokenLengths(TypedDict):
    """Tokens of the rows: see `datasets.token_lengths.describe`."""

    rows: int
    total: int
    mean: float
    p50: float
    p95: float
    p99: float
    longest: int
    histogram: Histogram
    over: dict[str, int]


class DerivationStep(TypedDict, total=False):
    """How examples were chosen from others; `operation` names the step, the other keys are its arguments."""

    operation: Required[
        Literal["validate", "split", "slice", "drop cut off", "drop continued", "drop unwritable", "unlearn"]
    ]
    min_prompt_length: int
    min_response_length: int
    side: Literal["train", "test"]
    train_ratio: float
    seed: int
    rows: str


class ExamplesFacts(TypedDict, total=False):
    """How the examples of one file were made: the filters that found them, and what was done with these.

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
    project: str
    limit: int | None
    found: int
    derived: list[DerivationStep]
    saved: int
    exported_from: str
    file: str


@final
class FileRecipe(ExamplesFacts):
    """As `ExamplesFacts`, with the format of the file."""

    format: Required[str]


@final
class RecipeOptions(TypedDict, total=False):
    """The options of a build as they are stored; see `datasets.recipe.Recipe`. Older datasets lack newer ones."""

    format: Required[str]
    tokens_of: str | None
    min_rating: int | None
    domains: list[str]
    task_types: list[str]
    models: list[str]
    project: str | None
    metadata: dict[str, str]
    since: str | None
    until: str | None
    keep_cut_off: bool
    min_prompt: int
    min_response: int
    max_characters: int | None
    languages: list[str]
    secrets: str
    personal_data: str
    near_duplicates: float | None
    balance: str | None
    limit: int | None
    validation: float
    test: float
    stratify: str
    seed: int


class ManifestFacts(TypedDict):
    """What a manifest says beside name and hash: see `datasets.manifest.Manifest`."""

    recipe: RecipeOptions | FileRecipe
    parts: dict[str, SplitFile]
    counts: RowCounts
    steps: dict[str, int]
    findings: list[FindingCount]
    conflicts: Conflicts
    lengths: TokenLengths | None
    sources: list[str]
    versions: dict[str, str]


class DatasetManifest(ManifestFacts):
    """A dataset's manifest."""

    hash: str
    name: str
