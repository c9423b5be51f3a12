"""Chat templates by name, for base models that have none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest

from fine_tuning.base_models import catalogue
from fine_tuning.base_models.chat_templates import template_for, with_chat_template
from fine_tuning.base_models.pretrained import load_tokenizer
from fine_tuning.base_models.template_check import is_sure_to_end
from fine_tuning.base_models.template_names import ChatTemplate
from fine_tuning.errors import DataError, UsageError
from fine_tuning.export.chat_template import FolderTemplate
from fine_tuning.export.modelfile import chat_format
from fine_tuning.export.turn_end import turn_end
from fine_tuning.training.loop.chat_tokens import IGNORED, tokenise

CHAT: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How?"},
    {"role": "assistant", "content": "So."},
    {"role": "user", "content": "And why?"},
    {"role": "assistant", "content": "Because."},
]
ENDS = {
    "chatml": "<|im_end|>",
    "gemma": "<end_of_turn>",
    "llama3": "<|eot_id|>",
    "mistral": "</s>",
    "phi3": "<|end|>",
    "zephyr": "</s>",
}


@pytest.fixture
def base(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A model without a chat template."""
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "base"))
    (folder / "chat_template.jinja").unlink()
    return folder


def with_end(folder: Path, end: str) -> None:
    """Give the tokenizer a token of this text, in place of one that nothing uses."""
    file = folder / "tokenizer.json"
    file.write_text(file.read_text().replace("<empty_output>", end))


@pytest.mark.parametrize("name", get_args(ChatTemplate))
@pytest.mark.parametrize("has_end", [True, False])
def test_named_template_renders_and_learns_the_end_of_each_turn(
    base: Path, tmp_path: Path, name: str, has_end: bool
) -> None:
    end = ENDS[name] if has_end or name == "chatml" else "<|im_end|>"  # which is the tokenizer's eos_token
    if has_end and name != "chatml":
        with_end(base, end)
    folder = with_chat_template(base, name, tmp_path / "models")
    tokenizer = load_tokenizer(folder)
    assert is_sure_to_end(tokenizer.chat_template)
    assert tokenizer.apply_chat_template(CHAT[1:], tokenize=False) == FolderTemplate(folder).apply_chat_template(
        CHAT[1:]
    )
    ids, labels = tokenise(CHAT, None, tokenizer, "line 1")
    learned = tokenizer.decode([label for label in labels if label != IGNORED])
    assert [part.strip() for part in learned.split(end)] == ["So.", "Because.", ""]
    assert "Be brief." in tokenizer.decode(ids)
    assert turn_end(folder) == tokenizer.convert_tokens_to_ids(end)
    if has_end and name != "zephyr":
        assert chat_format(folder) is not None  # Ollama's own template of this kind renders the same text


def test_with_chat_template_shares_the_weights_and_leaves_the_base(base: Path, tmp_path: Path) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in base.iterdir()}
    folder = with_chat_template(base, "chatml", tmp_path / "models")
    assert with_chat_template(base, "chatml", tmp_path / "models") == folder
    assert with_chat_template(folder, "chatml", tmp_path / "models") == folder
    assert (folder / "model.safetensors").samefile(base / "model.safetensors")
    assert {file.name: file.stat().st_mtime_ns for file in base.iterdir()} == before
    assert catalogue.resolve(str(base), tmp_path / "models", "chatml").path == folder
    (base / "config.json").write_text((base / "config.json").read_text() + "\n")
    assert with_chat_template(base, "chatml", tmp_path / "models") != folder


def test_base_without_template_names_the_option(base: Path) -> None:
    with pytest.raises(DataError, match=r"no chat template; .* --chat-template \(chatml, gemma, llama3"):
        catalogue.check(str(base))
    catalogue.check(str(base), "chatml")


def test_template_for_model_with_another_is_refused(tiny_model_dir: Path) -> None:
    for name in (str(tiny_model_dir), catalogue.DEFAULT_BASE_MODEL):
        with pytest.raises(UsageError, match="has its own chat template"):
            catalogue.check(name, "zephyr")


def test_template_for_tokenizer_without_an_end_is_refused(base: Path) -> None:
    settings = json.loads((base / "tokenizer_config.json").read_text())
    del settings["eos_token"]
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(DataError, match="no eos_token"):
        template_for("gemma", base)
    assert "<|im_end|>" in template_for("chatml", base)
