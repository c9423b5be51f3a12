"""OpenAI's token encodings; the vocabularies are part of a wheel, so that counting needs no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from fine_tuning._util.model_names import base_model_of
from fine_tuning.errors import UsageError

# The encoding of each family of models, as OpenAI publishes it with its tokenizer.
_FAMILIES = (
    (re.compile(r"(gpt-4o|gpt-4\.1|gpt-4\.5|gpt-5|chatgpt-4o|o1|o3|o4)(-|\.|$)"), "o200k_base"),
    (re.compile(r"(gpt-4|gpt-3\.5|gpt-35)(-|$)"), "cl100k_base"),
)


def encoding_of(model: str) -> Any | None:
    """The encoding of an OpenAI model, also of a dated or fine-tuned one; None for a model of another provider."""
    name = base_model_of(model)
    return next((_load(encoding) for family, encoding in _FAMILIES if family.match(name)), None)


def text_of_tokens(ids: Sequence[int], encoding: str) -> str:
    """The text of token ids of an encoding; bytes that are no UTF-8 become replacement characters.

    Raises:
        UsageError: the encoding has no such token.
    """
    try:
        return str(_load(encoding).decode_bytes(ids).decode("utf-8", "replace"))
    except KeyError as error:
        raise UsageError(error.args[0]) from None


@cache
def _load(name: str) -> Any:
    import bpe_openai

    return bpe_openai.get_encoding(name)
