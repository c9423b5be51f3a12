from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL, BaseModel, list_base_models, pull, resolve
from fine_tuning.errors import DataError, NotFoundError


def test_resolve_folder_returns_base_model(tiny_model_dir: Path, tmp_path: Path) -> None:
    expected = BaseModel(str(tiny_model_dir), tiny_model_dir, 112_448, "path")
    assert resolve(str(tiny_model_dir), tmp_path) == expected
    assert pull(str(tiny_model_dir), tmp_path) == expected


def test_resolve_relative_folder_is_absolute(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model_dir.parent)
    assert resolve("model", tmp_path).path == tiny_model_dir


def test_resolve_incomplete_folder_is_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_model_dir, tmp_path / "copy"))
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"no \.safetensors weights"):
        resolve(str(copy), tmp_path)


@pytest.mark.parametrize("name", ["smollm", "SmolLM2-135M", "smolm2-135m-instruct"])
def test_resolve_unknown_name_lists_known_and_nearest(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="did you mean smollm2-135m-instruct") as caught:
        resolve(name, tmp_path)
    assert "local model folder" in str(caught.value)


@pytest.mark.parametrize("name", ["gpt-4o", "", "~no-such-user", "a/b/c", "/no/such/folder", "../x"])
def test_resolve_unrelated_name_suggests_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=f"known are {DEFAULT_BASE_MODEL}"):
        resolve(name, tmp_path)


def test_list_base_models_shows_readiness(tmp_path: Path) -> None:
    (listed,) = list_base_models(tmp_path)
    assert listed.name == DEFAULT_BASE_MODEL
    assert listed.parameters == 134_515_008
    assert not listed.ready
    assert listed.size_bytes is None
    assert listed.path == tmp_path / DEFAULT_BASE_MODEL
    assert list(tmp_path.iterdir()) == []
