"""The manifest of a built dataset: its splits and their hashes, its recipe, and the status of every row."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path

from fine_tuning._util.files import read_json
from fine_tuning.errors import DataError
from fine_tuning.store.records.datasets import BuiltRecipe
from fine_tuning.store.records.manifests import (
    Conflicts,
    DatasetManifest,
    FileRecipe,
    FindingCount,
    RecipeOptions,
    RowCounts,
    SplitFile,
    TokenLengths,
)
from fine_tuning.store.records.rows import record

FILE = "manifest.json"


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("fine-tuning-pipeline", "daft", "bpe-openai")}


@dataclass(frozen=True)
class Manifest:
    """The manifest of a dataset.

    Attributes:
        parts: by name of the split: file, rows, content_hash (see `rows.ContentHash`) and tokens (None where not
            counted).
        counts: read = kept + rejected + duplicates + left_out.
        steps: rows that each step removed.
        findings: problems of rows by code; see `data_io.formats.findings.Tally.rows`.
        lengths: of the kept rows in tokens; see `token_lengths.describe`.
        conflicts: questions with different answers.
        sources: files, or the name of another source.
        hash: over the splits; the same rows in the same splits have the same hash, whatever the format is called.
    """

    name: str
    recipe: RecipeOptions | FileRecipe
    parts: dict[str, SplitFile]
    counts: RowCounts
    steps: dict[str, int]
    findings: list[FindingCount]
    conflicts: Conflicts
    lengths: TokenLengths | None
    sources: list[str]
    versions: dict[str, str] = field(default_factory=_versions)

    @property
    def hash(self) -> str:
        """`sha256:` and the hash over names and content hashes of the splits."""
        digest = hashlib.sha256()
        for name in sorted(self.parts):
            digest.update(f"{name} {self.parts[name]['content_hash']}\n".encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def rows(self) -> int:
        """Rows of all splits."""
        return sum(split["rows"] for split in self.parts.values())

    def as_dict(self) -> DatasetManifest:
        """As plain JSON values."""
        return record(DatasetManifest, {"hash": self.hash, **asdict(self)})

    def facts(self) -> BuiltRecipe:
        """As the recipe of the dataset's record: everything but name and hash."""
        return record(BuiltRecipe, {key: value for key, value in asdict(self).items() if key != "name"})


def read(folder: Path) -> Manifest:
    """The manifest of the dataset in a folder.

    Raises:
        NotFoundError: there is none.
        DataError: it is invalid.
    """
    facts = read_json(folder / FILE)
    known = {each.name for each in fields(Manifest)}
    try:
        return Manifest(**{name: value for name, value in facts.items() if name in known})
    except (TypeError, AttributeError):
        raise DataError(f"{folder / FILE} is not a dataset manifest; build the dataset again") from None
