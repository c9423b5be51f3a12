"""What a frozen data set says of itself: its parts and their hashes, the recipe, what became of every row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fine_tuning._util.files import read_json
from fine_tuning.errors import DataError

FILE = "manifest.json"


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("fine-tuning-pipeline", "daft", "bpe-openai")}


@dataclass(frozen=True)
class Manifest:
    """A data set's record of itself.

    Attributes:
        parts: by name: file, rows, content_hash (see `rows.ContentHash`) and tokens (None where not counted).
        counts: read = kept + rejected + duplicates + left_out.
        steps: rows that each step took away.
        findings: what was wrong with rows, by code; see `data_io.formats.findings.Tally.rows`.
        lengths: of the kept rows in tokens; see `lengths.describe`.
        conflicts: questions with different answers: how many, of how many rows, and where the first ones stand.
        sources: files, or what else the rows came from.
        hash: over the parts; the same rows divided the same way have the same, whatever the format is called.
    """

    name: str
    recipe: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]
    counts: Mapping[str, int]
    steps: Mapping[str, int]
    findings: list[dict[str, Any]]
    conflicts: Mapping[str, Any]
    lengths: Mapping[str, Any] | None
    sources: list[str]
    versions: Mapping[str, str] = field(default_factory=_versions)

    @property
    def hash(self) -> str:
        """`sha256:` and the hash over names and content hashes of the parts."""
        digest = hashlib.sha256()
        for name in sorted(self.parts):
            digest.update(f"{name} {self.parts[name]['content_hash']}\n".encode())
        return f"sha256:{digest.hexdigest()}"

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"hash": self.hash, **asdict(self)}


def read(folder: Path) -> Manifest:
    """The manifest of the data set in a folder.

    Raises:
        NotFoundError: there is none.
        DataError: it is not one of ours.
    """
    facts = read_json(folder / FILE)
    known = {each.name for each in fields(Manifest)}
    try:
        return Manifest(**{name: value for name, value in facts.items() if name in known})
    except (TypeError, AttributeError):
        raise DataError(f"{folder / FILE} is no manifest of a data set; build the data set again") from None
