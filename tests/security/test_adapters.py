"""Forged adapters and model cards: refused in one line, and nothing that they name is opened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.base_models.adapter_folder import SETTINGS, WEIGHTS, check_adapter
from fine_tuning.errors import DataError
from fine_tuning.export.gguf_adapter import kept_gguf_adapter
from fine_tuning.model_registry import ModelRegistry

LAYER = "model.layers.0.self_attn.q_proj"
PREFIX = f"base_model.model.{LAYER}"
Tensors = dict[str, Any]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return forged(tmp_path / "adapter", lambda _: None)


def forged(folder: Path, change: Callable[[Tensors], object], **settings: object) -> Path:
    """A rank 4 adapter of the tiny model's first query projection (64 x 64), with other tensors or settings."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    tensors: Tensors = {
        f"{PREFIX}.lora_A.weight": torch.ones(4, 64),
        f"{PREFIX}.lora_B.weight": torch.ones(64, 4),
    }
    change(tensors)
    save_file(tensors, folder / WEIGHTS)
    known = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
    (folder / SETTINGS).write_text(json.dumps({**known, **settings}))
    return folder


@pytest.mark.parametrize(
    "settings",
    [
        *({"r": value} for value in (0, -1, 10**9, "4", None, True)),
        *({"lora_alpha": value} for value in (0, -8, 1e300, "8", None)),
        {"peft_type": "EVIL"},
        {"target_modules": "(a+)+$"},  # peft matches a text as a pattern
        {"target_modules": 5},
        {"rank_pattern": {"q_proj": 10**9}},
        {"rank_pattern": {"(a+)+$": 4}},
        {"alpha_pattern": 5},
    ],
)
def test_absurd_settings_are_refused(tiny_model_dir: Path, tmp_path: Path, settings: dict[str, object]) -> None:
    folder = forged(tmp_path / "a", lambda _: None, **settings)
    with pytest.raises(DataError, match=r"adapter_config\.json"):
        check_adapter(folder, tiny_model_dir)


def other_shape(tensors: Tensors, side: str, *shape: int) -> None:
    import torch

    tensors[f"{PREFIX}.lora_{side}.weight"] = torch.ones(*shape)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda tensors: other_shape(tensors, "A", 4, 128),
            "is for a matrix of 64 x 128, and the base model has 64 x 64",
        ),
        (lambda tensors: other_shape(tensors, "B", 32, 4), "is for a matrix of 32 x 64"),
        (lambda tensors: other_shape(tensors, "B", 64, 8), "no pair of rank 4"),
        (lambda tensors: other_shape(tensors, "A", 256), "no pair of rank 4"),
        (lambda tensors: tensors.pop(f"{PREFIX}.lora_B.weight"), f"lacks lora_B of {LAYER}"),
        (lambda tensors: tensors.clear(), "no tensors"),
    ],
)
def test_tensors_that_do_not_fit_the_base_are_refused(
    tiny_model_dir: Path, tmp_path: Path, change: Callable[[Tensors], object], words: str
) -> None:
    folder = forged(tmp_path / "a", change)
    with pytest.raises(DataError, match=words):
        kept_gguf_adapter(folder, tiny_model_dir)
    assert not (folder / "adapter.gguf").exists()


def test_a_link_in_an_adapter_is_refused(tiny_model_dir: Path, adapter: Path, tmp_path: Path) -> None:
    shutil.move(adapter / WEIGHTS, tmp_path / "elsewhere")
    (adapter / WEIGHTS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is a link"):
        check_adapter(adapter, tiny_model_dir)


def test_gguf_of_an_adapter_is_made_again_once_it_changed(tiny_model_dir: Path, adapter: Path, tmp_path: Path) -> None:
    (adapter / "adapter.gguf").write_bytes(b"GGUF of somebody else")
    path = kept_gguf_adapter(adapter, tiny_model_dir)
    made = path.read_bytes()
    assert made[:4] == b"GGUF"
    assert b"somebody else" not in made
    inode = path.stat().st_ino
    assert kept_gguf_adapter(adapter, tiny_model_dir).stat().st_ino == inode
    other = forged(tmp_path / "other", lambda tensors: [each.mul_(2) for each in tensors.values()])
    shutil.copy(other / WEIGHTS, adapter / WEIGHTS)
    assert kept_gguf_adapter(adapter, tiny_model_dir).read_bytes() != made


def test_base_that_an_adapter_names_is_not_opened(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = forged(tmp_path / "a", lambda _: None, base_model_name_or_path="/etc", auto_mapping={"base": "evil"})
    assert kept_gguf_adapter(folder, tiny_model_dir).is_file()


@pytest.mark.parametrize(
    "card",
    [
        b"\xff\xfe\x00---",
        b"---\n{{{: [\n---\n",
        b"---\nbase_model: !!python/object/apply:os.system ['touch ran']\n---\n",
        b"---\nbase_model: 5\n---\n",
        b"---\n- a\n---\n",
        b'---\nbase_model: "a\\0b"\n---\n',
        b'---\nbase_model: "a\\e[31m"\n---\n',
        b'---\nbase_model: "\\ud800"\n---\n',
        b"---\nbase_model: " + b"a" * 5000 + b"\n---\n",
        b"---\nmodel-index: 5\nbase_model: x\n---\n",
        b"---\nbase_model: ../../../etc/passwd\n---\n",
        b"---\na: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9))
        + b"base_model: x\n---\n",
    ],
    ids=lambda card: card[:20].hex(),
)
def test_forged_card_names_no_base(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "m"))
    (folder / "README.md").write_bytes(card)
    version = ModelRegistry().import_model("m", folder)
    assert version["base_model"] in {"unknown", "x"}
    assert not (tmp_path / "ran").exists()
