"""Write a tokenizer.json into a GGUF file: byte-level BPE and SentencePiece BPE."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fine_tuning._util.files import read_json
from fine_tuning.base_models.chat_templates import adds_bos
from fine_tuning.base_models.llama_layout import name_of_pre_tokenizer
from fine_tuning.errors import DataError
from fine_tuning.export.chat_template import chat_template
from fine_tuning.export.gguf_families import INSTEAD
from fine_tuning.export.turn_end import turn_end

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6  # gguf.TokenType
_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")
_END = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_END_WITH_SLASHES = _END.replace("[\\r\\n]*", "[\\r\\n/]*")
_ENGLISH = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = _ENGLISH + r"|[^\r\n\p{L}\p{N}]?\p{L}+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = (rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+", rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*")
# By the expression that cuts a text and whether a word that is a token stays whole: llama.cpp's name of both.
_PRE_TOKENIZERS = {
    (_WORDS + r"|\p{N}{1,3}" + _END, True): "llama-bpe",
    (_WORDS + r"|\p{N}{1,3}" + _END, False): "dbrx",
    (_WORDS + r"|\p{N}" + _END, False): "qwen2",
    ("|".join(_CASED) + r"|\p{N}" + _END_WITH_SLASHES, True): "tekken",
    ("|".join(f"{each}{_ENGLISH}?" for each in _CASED) + r"|\p{N}{1,3}" + _END_WITH_SLASHES, False): "gpt-4o",
}


def add_tokenizer(writer: Any, model_dir: Path, vocab_size: int) -> None:
    """Write the vocabulary, the pre-tokenizer, the special tokens and the chat template.

    Raises:
        DataError: llama.cpp does not support this tokenizer.
        NotFoundError: a file of the tokenizer is missing.
    """
    definition = read_json(model_dir / "tokenizer.json")
    settings = read_json(model_dir / "tokenizer_config.json")
    if definition["model"].get("type") != "BPE":
        raise DataError(f"{model_dir} has a tokenizer that is not a BPE tokenizer supported by llama.cpp: {INSTEAD}")
    tokens, kinds = _vocabulary(definition, vocab_size)
    if definition["model"].get("byte_fallback"):
        _add_sentence_piece(writer, definition, tokens, kinds, model_dir)
    else:
        _add_byte_level(writer, definition, model_dir)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_add_bos_token(adds_bos(model_dir))
    for role in ("bos", "eos", "unk", "pad"):
        token = settings.get(f"{role}_token")
        text = token["content"] if isinstance(token, dict) else token
        if text in tokens:
            getattr(writer, f"add_{role}_token_id")(tokens.index(text))
    if (end := turn_end(model_dir)) is not None:
        writer.add_eot_token_id(end)
    if template := chat_template(model_dir):
        writer.add_chat_template(template)


def _add_byte_level(writer: Any, definition: dict[str, Any], model_dir: Path) -> None:
    pre_tokenizer = _pre_tokenizer_name(definition)
    if pre_tokenizer is None:
        raise DataError(
            f"{model_dir} has a tokenizer that is not a byte-level BPE tokenizer supported by llama.cpp: {INSTEAD}"
        )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer)
    merges = definition["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_add_space_prefix(False)


def _pre_tokenizer_name(definition: dict[str, Any]) -> str | None:
    """llama.cpp's name for the pre-tokenizer of a byte-level tokenizer; None if llama.cpp does not support it.

    llama.cpp does not apply Unicode normalization (NFC), which few texts need; the parity check detects differences.
    """
    if (definition.get("normalizer") or {"type": "NFC"})["type"] != "NFC":
        return None
    match _steps(definition.get("pre_tokenizer"), "pretokenizers"):
        case [
            {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ]:
            return _PRE_TOKENIZERS.get((expression, bool(definition["model"].get("ignore_merges"))))
        case _:
            return name_of_pre_tokenizer(definition.get("pre_tokenizer"))


def _add_sentence_piece(
    writer: Any, definition: dict[str, Any], tokens: list[str], kinds: list[int], model_dir: Path
) -> None:
    """Write the tokens' scores by first merge: llama.cpp merges the pair whose result scores highest."""
    prefixed = _space_prefix(definition)
    if prefixed is None:
        raise DataError(f"{model_dir} has a tokenizer with a normalizer that llama.cpp does not support: {INSTEAD}")
    first: dict[str, int] = {}
    for rank, merge in enumerate(definition["model"]["merges"]):
        first.setdefault("".join(merge.split(" ", 1) if isinstance(merge, str) else merge), rank)
    unknown = definition["model"].get("unk_token")
    for index, token in enumerate(tokens):
        if _BYTE_TOKEN.fullmatch(token) and kinds[index] == _NORMAL:
            kinds[index] = _BYTE
        elif token == unknown:
            kinds[index] = _UNKNOWN
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_scores([-float(first.get(token, 0)) for token in tokens])
    writer.add_add_space_prefix(prefixed)


def _space_prefix(definition: dict[str, Any]) -> bool | None:
    """Whether a space is prepended to the text; None for a normalizer that SentencePiece does not have."""
    steps = [
        *_steps(definition.get("normalizer"), "normalizers"),
        *_steps(definition.get("pre_tokenizer"), "pretokenizers"),
    ]
    prefixed = False
    for step in steps:
        match step:
            case {"type": "Prepend", "prepend": "▁"}:
                prefixed = True
            case {"type": "Metaspace", "replacement": "▁"}:
                # "first" puts one before a text that begins with no special token, as a conversation hardly does.
                prefixed = prefixed or step.get("prepend_scheme", "always") == "always"
            case {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}:
                pass
            case {"type": "Split", "pattern": {"String": " "}}:
                pass  # there is none left
            case _:
                return None
    return prefixed


def _steps(definition: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    if definition is None:
        return []
    return definition[key] if definition["type"] == "Sequence" else [definition]


def _vocabulary(definition: dict[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Every token by id with its GGUF type; embedding rows that the tokenizer does not use are marked unused."""
    tokens = [f"[PAD{index}]" for index in range(size)]
    kinds = [_UNUSED] * size
    for token, index in definition["model"]["vocab"].items():
        tokens[index], kinds[index] = token, _NORMAL
    for added in definition.get("added_tokens", []):
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = _CONTROL if added["special"] else _USER_DEFINED
    return tokens, kinds
