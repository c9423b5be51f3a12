from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fine_tuning.base_models.model_folder import atomic_model_folder, check_model_folder, count_parameters
from fine_tuning.errors import DataError, NotFoundError, StorageError


@pytest.fixture
def copy(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "copy"))


def test_check_model_folder_complete_passes(tiny_model_dir: Path) -> None:
    check_model_folder(tiny_model_dir)


@pytest.mark.parametrize(
    ("missing", "error", "words"),
    [
        ("config.json", NotFoundError, "no config.json"),
        ("model.safetensors", DataError, "pickled ones are not read"),
        ("tokenizer.json", DataError, "no tokenizer.json"),
        ("chat_template.jinja", DataError, "no chat template"),
    ],
)
def test_check_model_folder_missing_file_is_named(copy: Path, missing: str, error: type[Exception], words: str) -> None:
    (copy / missing).unlink()
    with pytest.raises(error, match=words):
        check_model_folder(copy)


def test_has_chat_template_in_tokenizer_config(copy: Path) -> None:
    template = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").unlink()
    settings = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": template}))
    check_model_folder(copy)


def test_count_parameters_reads_the_header(copy: Path) -> None:
    embedding, layer = 600 * 64, 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128 + 2 * 64
    assert count_parameters(copy) == embedding + 2 * layer + 64
    (copy / "model.safetensors").unlink()
    assert count_parameters(copy) is None


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"[]"])
def test_count_parameters_of_damaged_file_names_it(copy: Path, content: bytes) -> None:
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"model\.safetensors is not a readable"):
        count_parameters(copy)


def test_atomic_model_folder_appears_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model"
    with atomic_model_folder(target) as temporary:
        (temporary / "file").write_text("x")
        assert not target.exists()
    assert (target / "file").read_text() == "x"
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_atomic_model_folder_after_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_model_folder(tmp_path / "model") as temporary:
        (temporary / "file").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_atomic_model_folder_keeps_the_first_writer(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with atomic_model_folder(target) as slow:
        (slow / "file").write_text("slow")
        with atomic_model_folder(target) as fast:
            (fast / "file").write_text("fast")
    assert (target / "file").read_text() == "fast"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_atomic_model_folder_over_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file")
    with pytest.raises(StorageError, match="cannot write"), atomic_model_folder(tmp_path / "model") as temporary:
        (temporary / "file").write_text("x")
