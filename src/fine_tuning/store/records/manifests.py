"""What a dataset's manifest says."""

from __future__ import annotations

from typing import TypedDict

from fine_tuning.store.records.rows import JsonColumn


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


class ManifestFacts(TypedDict):
    """What a manifest says beside name and hash: see `datasets.manifest.Manifest`."""

    recipe: JsonColumn
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
