"""The text of single tokens, which may be a part of a character."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from fine_tuning.errors import MissingDependencyError, RefusedError

Tokenizer = Any  # a tokenizers.Tokenizer, which has no types
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_UNKNOWN = "\ufffd"


def text_of_ids(folder: Path, ids: Sequence[int]) -> str:
    """The text of token ids of the model in a folder.

    Raises:
        RefusedError: the model has no such token.
        MissingDependencyError: tokenizers is not installed.
    """
    tokenizer = _tokenizer(folder)
    check_ids(ids, vocabulary_size(folder))
    return str(tokenizer.decode(list(ids), skip_special_tokens=False))


def start_of_text(folder: Path) -> int:
    """The token that begins a text of the model in a folder (BOS), or the one that ends it where that separates texts.

    Raises:
        RefusedError: the model has neither.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for settings in (config, config.get("text_config") or {}):
        for name in ("bos_token_id", "eos_token_id"):
            if isinstance(token := settings.get(name), int):
                return token
    raise RefusedError("the prompt may not be empty: this model has no token that begins a text")


def vocabulary_size(folder: Path) -> int:
    """How many tokens the model in a folder has.

    Raises:
        MissingDependencyError: tokenizers is not installed.
    """
    return int(_tokenizer(folder).get_vocab_size())


def check_ids(ids: Sequence[int], count: int) -> None:
    """Refuse ids that a vocabulary of `count` tokens does not have.

    Raises:
        RefusedError: naming the first one.
    """
    unknown = next((token for token in ids if token >= count), None)
    if unknown is not None:
        raise RefusedError(f"the prompt has the token id {unknown}; this model's ids are 0 to {count - 1}")


def shown(raw: bytes) -> str:
    """A token as the completions API shows it: its text, or `bytes:` and the bytes of a part of a character."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)


class TokenTexts:
    """The bytes of a tokenizer's tokens.

    Args:
        tokenizer: a transformers.PreTrainedTokenizerFast.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._before: list[int] = tokenizer("a", add_special_tokens=False)["input_ids"]
        self._known: dict[int, bytes] = {}

    def bytes_of(self, token: int) -> bytes:
        """The bytes of a token inside a text: some tokenizers drop a space at the start of one."""
        if token not in self._known:
            text = self._decode([*self._before, token]).removeprefix(self._decode(self._before))
            name = self._tokenizer.convert_ids_to_tokens(token) or ""
            raw = _raw_bytes(name) if _UNKNOWN in text else None
            self._known[token] = text.encode() if raw is None else raw
        return self._known[token]

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _raw_bytes(name: str) -> bytes | None:
    """The bytes of a token's name in the vocabulary, where it is written byte by byte."""
    if found := _BYTE.fullmatch(name):
        return bytes([int(found[1], 16)])
    alphabet = _byte_alphabet()
    return bytes(alphabet[letter] for letter in name) if all(letter in alphabet for letter in name) else None


@cache
def _byte_alphabet() -> dict[str, int]:
    """Letter -> byte of byte-level BPE.

    Source: https://github.com/openai/gpt-2/blob/master/src/encoder.py, `bytes_to_unicode`
    """
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


@lru_cache(maxsize=8)
def _tokenizer(folder: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer as Loaded
    except ImportError as error:
        raise MissingDependencyError("tokenizers", "serve", "reading token ids") from error
    return Loaded.from_file(str(folder / "tokenizer.json"))
