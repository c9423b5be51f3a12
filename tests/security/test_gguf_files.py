"""GGUF files of others: llama.cpp aborts in another process, and a kept file is made from the weights beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fine_tuning.errors import DataError, ProviderError
from fine_tuning.export.gguf_trial import check_gguf
from fine_tuning.export.kept_gguf import NAME, kept_gguf
from fine_tuning.export.llama_cpp_probe import open_probe
from fine_tuning.serving.llama_cpp_engine import open_llama_cpp
from tests.security.forged_models import Forge, raw, settings


@pytest.fixture
def good(tiny_model_dir: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "good"))
    assert kept_gguf(folder) == folder / NAME
    return folder


def with_context(gguf: Path, forged_path: Path, length: int) -> Path:
    """The file with another context length: llama.cpp aborts on 0."""
    content, key = gguf.read_bytes(), b"llama.context_length" + (4).to_bytes(4, "little")  # of a number of 32 bits
    place = content.index(key) + len(key)
    forged_path.write_bytes(content[:place] + length.to_bytes(4, "little") + content[place + 4 :])
    return forged_path


def test_file_that_aborts_llama_cpp_is_one_line(good: Path, tmp_path: Path) -> None:
    path = with_context(good / NAME, tmp_path / "abort.gguf", 0)
    with pytest.raises(DataError, match=r"abort\.gguf \(it ended with signal 6\); export"):
        check_gguf(path)
    with pytest.raises(ProviderError, match="signal 6"):
        open_llama_cpp(path, "x")
    with pytest.raises(DataError, match="signal 6"), open_probe(path, 64):
        pass


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:100],
        lambda content: content[:-1000],
        lambda content: content[:8] + b"\xff" * 16 + content[24:],  # counts of tensors and settings
        lambda content: content[:24] + b"\xff" * 8 + content[32:],  # the length of the first key
        lambda content: b"",
    ],
)
def test_damaged_file_is_refused(good: Path, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    (tmp_path / "bad.gguf").write_bytes(damage((good / NAME).read_bytes()))
    with pytest.raises(DataError, match=r"llama\.cpp cannot load .*bad\.gguf"):
        check_gguf(tmp_path / "bad.gguf")


def test_file_is_tried_again_once_it_changed(good: Path) -> None:
    check_gguf(good / NAME)
    (good / NAME).write_bytes(b"GGUF")
    with pytest.raises(DataError, match="cannot load"):
        check_gguf(good / NAME)


def test_kept_file_is_made_once(good: Path) -> None:
    before = (good / NAME).stat()
    kept_gguf(good)
    assert (good / NAME).stat() == before


@pytest.mark.parametrize(
    "change",
    [
        settings(rms_norm_eps=1e-3),
        raw("chat_template.jinja", b"{{ messages[0].content }}"),
        raw(NAME, b"GGUF of somebody else"),
        raw(f"{NAME}.json", b"{"),
        raw(f"{NAME}.json", b"[]"),
    ],
)
def test_kept_file_is_made_again_once_anything_changed(good: Path, change: Forge) -> None:
    before = (good / NAME).stat().st_ino, (good / NAME).read_bytes()
    change(good)
    path = kept_gguf(good)
    assert path is not None
    assert path.stat().st_ino != before[0]
    assert path.read_bytes()[:4] == b"GGUF"
    check_gguf(path)


@pytest.mark.parametrize("has_record", [False, True])
def test_kept_file_that_comes_with_a_folder_is_not_used(good: Path, tmp_path: Path, *, has_record: bool) -> None:
    other = Path(shutil.copytree(good, tmp_path / "other"))
    if not has_record:
        (other / f"{NAME}.json").unlink()
    strange = with_context(good / NAME, other / NAME, 77).read_bytes()  # which llama.cpp opens
    path = kept_gguf(other)
    assert path is not None
    assert path.read_bytes() != strange
    assert with_context(path, tmp_path / "x", 77).read_bytes() != path.read_bytes()
