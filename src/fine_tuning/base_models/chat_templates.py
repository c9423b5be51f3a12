"""Chat templates by name, for base models that have none, and a folder of such a model with one of them."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

from fine_tuning._util.files import make_folder, read_json
from fine_tuning.base_models.model_folder import atomic_model_folder
from fine_tuning.base_models.tokenizer_files import TEMPLATE
from fine_tuning.errors import DataError, UsageError

_EVERY = "{% for message in messages %}"
_NO_SYSTEM = "{% if message['role'] == 'system' %}{{ raise_exception('there is no system role') }}{% endif %}"
_GENERATION = "{% endfor %}{% if add_generation_prompt %}{{ '@' }}{% endif %}"
_TAGGED = (
    _EVERY
    + r"{{ '<|' + message['role'] + '|>\n' + message['content'] + END + '\n' }}"
    + _GENERATION.replace("@", r"<|assistant|>\n")
)
# Each with the token that ends a turn, and how turns are written; END is that token where the tokenizer has it, else
# the one that ends its texts, so that an end is one token and stops the generation.
_FORMATS: dict[str, tuple[str, str]] = {
    "chatml": (
        "<|im_end|>",
        _EVERY
        + r"{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + END + '\n' }}"
        + _GENERATION.replace("@", r"<|im_start|>assistant\n"),
    ),
    "gemma": (
        "<end_of_turn>",
        _EVERY
        + _NO_SYSTEM
        + r"{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' }}"
        + r"{{ message['content'] + END + '\n' }}"
        + _GENERATION.replace("@", r"<start_of_turn>model\n"),
    ),
    "llama3": (
        "<|eot_id|>",
        _EVERY
        + r"{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] + END }}"
        + _GENERATION.replace("@", r"<|start_header_id|>assistant<|end_header_id|>\n\n"),
    ),
    "mistral": (
        "</s>",
        _EVERY
        + _NO_SYSTEM
        + "{% if message['role'] == 'assistant' %}{{ ' ' + message['content'] + END }}"
        + "{% else %}{{ '[INST] ' + message['content'] + '[/INST]' }}{% endif %}{% endfor %}",
    ),
    "phi3": ("<|end|>", _TAGGED),
    "zephyr": ("</s>", _TAGGED),
}


def template_for(name: str, folder: Path) -> str:
    """The Jinja text of a template, for the tokenizer of a model folder.

    Raises:
        DataError: the tokenizer has no token that could end a turn.
    """
    definition, settings = read_json(folder / "tokenizer.json"), _settings(folder)
    end, turns = _FORMATS[name]
    if end in {str(each["content"]) for each in definition.get("added_tokens") or []}:
        ending = repr(end)
    elif settings.get("eos_token"):
        ending = "eos_token"
    else:
        raise DataError(f"the tokenizer in {folder} names no eos_token, and has no {end}, to end an answer with {name}")
    begin = "{{ bos_token }}" if settings.get("bos_token") and adds_bos(folder) else ""
    return begin + turns.replace("END", ending)


def with_chat_template(folder: Path, name: str, models_dir: Path) -> Path:
    """The folder of a model with a template, made in `models_dir`; a folder that has just this one is returned.

    The weights are the same file as the model's own, or a copy on another disk.

    Args:
        folder: of a checked model.

    Raises:
        UsageError: the model has another template.
        DataError: as for `template_for`.
        StorageError: the disk is full or read-only.
    """
    text = check_free(folder, name)
    if own_template(folder) is not None:
        return folder
    files = [each for each in sorted(folder.iterdir()) if each.is_file() and each.suffix in {".json", ".safetensors"}]
    facts = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    digest = sha256(repr((str(folder.absolute()), facts, text)).encode()).hexdigest()[:12]
    target = make_folder(models_dir).absolute() / f"{folder.name}-{name}-{digest}"
    if not target.is_dir():
        with atomic_model_folder(target) as temporary:
            for file in files:
                _place(file.resolve(), temporary / file.name)
            (temporary / TEMPLATE).write_text(text, encoding="utf-8")
    return target


def check_free(folder: Path, name: str) -> str:
    """The text of a template for a model folder that has none, or just this one; raises as `with_chat_template`."""
    text = template_for(name, folder)
    if own_template(folder) not in (None, text):
        raise UsageError(f"{folder} has its own chat template, which training keeps; leave out {name}")
    return text


def own_template(folder: Path) -> str | None:
    """The template that a model folder has, if it is one; of several some text; None where there is none."""
    if (folder / TEMPLATE).is_file():
        return (folder / TEMPLATE).read_text(encoding="utf-8")
    found = _settings(folder).get("chat_template")
    return str(found) if found else None


def _settings(folder: Path) -> dict[str, object]:
    file = folder / "tokenizer_config.json"
    return read_json(file) if file.is_file() else {}


def adds_bos(folder: Path) -> bool:
    """Whether the tokenizer of a model folder prepends a BOS token to every text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    return bool(tokenizer.encode("").ids)


def _place(file: Path, target: Path) -> None:
    if file.suffix == ".safetensors":
        try:
            os.link(file, target)
        except OSError:  # another disk, or one without links
            shutil.copyfile(file, target)
    else:
        shutil.copyfile(file, target)
