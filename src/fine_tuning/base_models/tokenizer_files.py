"""The tokenizer of a model folder and its chat template, checked as files; nothing is tokenised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fine_tuning._util.files import open_to_read, parse_json
from fine_tuning.base_models.model_config import MAX_VOCABULARY
from fine_tuning.base_models.template_check import check_template
from fine_tuning.errors import DataError

TEMPLATE = "chat_template.jinja"
MIB = 1 << 20
MOST_BYTES = {  # several times what the largest published models have
    "adapter_config.json": MIB,
    "config.json": 4 * MIB,
    "generation_config.json": MIB,
    "model.safetensors.index.json": 64 * MIB,
    "tokenizer.json": 128 * MIB,
    "tokenizer_config.json": 16 * MIB,
    TEMPLATE: MIB,
}
_ADVICE = "fetch or save the tokenizer again"


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file of a model folder.

    Raises:
        DataError: it holds anything else or is larger than such files are.
    """
    try:
        found = parse_json(_content(file))
    except DataError as error:
        raise DataError(f"{file}: {error}; fetch or save the model again") from None
    if not isinstance(found, dict):
        raise DataError(f"{file} is not an object; fetch or save the model again")
    return found


def check_tokenizer(folder: Path) -> None:
    """Check those of the tokenizer's files that the folder has.

    Raises:
        DataError: a file is damaged, or has values that no tokenizer has; the message names the file.
    """
    if (folder / "tokenizer.json").exists():
        _check_vocabulary(read_object(folder / "tokenizer.json"), folder / "tokenizer.json")
    if (folder / "tokenizer_config.json").exists():
        _check_settings(read_object(folder / "tokenizer_config.json"), folder / "tokenizer_config.json")
    if (folder / TEMPLATE).exists():
        try:
            text = _content(folder / TEMPLATE).decode("utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{folder / TEMPLATE} is not UTF-8 text; {_ADVICE}") from None
        check_template(text, folder / TEMPLATE)


def check_ids(vocabulary: Mapping[str, int], rows: int, folder: Path) -> None:
    """Check that each token has a row in the table of embeddings.

    Raises:
        DataError: one has none.
    """
    if (most := max(vocabulary.values(), default=0)) >= rows:
        raise DataError(f"{folder} has a token whose id is {most}, and {rows} embeddings; {_ADVICE}")


def _content(file: Path) -> bytes:
    most = MOST_BYTES[file.name]
    with open_to_read(file) as stream:
        found = stream.read(most + 1)
    if len(found) > most:
        raise DataError(f"{file} is larger than {most // MIB} MiB; fetch it again")
    return found


def _check_vocabulary(tokenizer: Mapping[str, Any], file: Path) -> None:
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict | list) or not vocabulary:
        raise DataError(f"{file} has no vocabulary; {_ADVICE}")
    added = tokenizer.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(each, dict) and each.get("content") for each in added):
        raise DataError(f"{file} has added_tokens without a text; {_ADVICE}")
    ids = [each.get("id") for each in added] + (list(vocabulary.values()) if isinstance(vocabulary, dict) else [])
    if not all(type(each) is int and 0 <= each < MAX_VOCABULARY for each in ids) or len(vocabulary) > MAX_VOCABULARY:
        raise DataError(f"{file} has a token whose id is not 0 to {MAX_VOCABULARY:,}; {_ADVICE}")


def _check_settings(settings: Mapping[str, Any], file: Path) -> None:
    for key in ("bos_token", "eos_token", "pad_token", "unk_token"):
        value = settings.get(key)
        text = value.get("content") if isinstance(value, dict) else value
        if value is not None and not isinstance(text, str):
            raise DataError(f"{file}: {key} is no text; {_ADVICE}")
    template = settings.get("chat_template")
    if isinstance(template, list):
        for each in template:
            if not isinstance(each, dict) or not isinstance(each.get("template"), str):
                raise DataError(f"{file}: chat_template has an entry without a template; {_ADVICE}")
            check_template(each["template"], file)
    elif template is not None and not isinstance(template, str):
        raise DataError(f"{file}: chat_template is no text; {_ADVICE}")
    elif template:
        check_template(template, file)
