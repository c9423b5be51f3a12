"""Tokens of a conversation: by OpenAI's encodings, or by an open model's tokenizer and chat template."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from fine_tuning._util.encodings import encoding_of
from fine_tuning._util.model_names import base_model_of
from fine_tuning.base_models import catalogue
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.datasets import open_model_tokens
from fine_tuning.datasets.image_tokens import ImageTokens, image_tokens, images_in, is_low
from fine_tuning.errors import DataError, UsageError

# What OpenAI's chat format adds, as its cookbook counts it ("How to count tokens with tiktoken"): three tokens around
# each message, one for a name, three that start the answer.
PER_MESSAGE, PER_NAME, PER_CONVERSATION = 3, 1, 3
# Tokens of one training row, from OpenAI's table of limits, 2026-08; longer rows are cut off there.
ROW_LIMITS = {
    "gpt-4.1": 65_536,
    "gpt-4.1-mini": 65_536,
    "gpt-4.1-nano": 65_536,
    "gpt-4o": 65_536,
    "gpt-4o-mini": 65_536,
    "gpt-3.5-turbo": 16_385,
}
CACHED_CHARACTERS = 100  # texts up to this length, such as roles and system messages, are counted once
MAX_PIECE_CHARACTERS = 900_000  # that the encoder takes at once
Row = Mapping[str, object]
Message = Mapping[str, object]


class Meter:
    """Counts the tokens of rows as a model does, and finds those over its limit.

    Raises:
        UsageError, NotFoundError, MissingDependencyError: see `counter`.
    """

    def __init__(self, model: str, models_folder: Path) -> None:
        self._count, self._limit = counter(model, models_folder), row_limit(model, models_folder)

    def measure(self, row: Row) -> int | Finding:
        """The tokens of a chat row or a pair of answers, or why the model does not take it."""
        try:
            counted = self._count(row)
        except DataError as error:  # an open model's chat template takes less than OpenAI's format has
            return Finding("malformed", "", str(error))
        if self._limit is not None and counted > self._limit:
            message = f"{counted:,} tokens; the model reads {self._limit:,} of a row"
            return Finding("too-many-tokens", "", message)
        return counted


def counter(model: str, models_folder: Path) -> Callable[[Row], int]:
    """A function that counts a chat row's tokens: as OpenAI's model does, or as an open model's chat template has them.

    With OpenAI's models exact for text; tools and their calls are counted by their JSON, since OpenAI does not say how
    it writes them.

    Args:
        models_folder: where base models are kept.

    Raises:
        UsageError: the model has no public encoding, and no base model is named so.
        NotFoundError, MissingDependencyError: see `open_model_tokens.counter`.
    """
    encoding = encoding_of(model)
    if encoding is None:
        if not catalogue.is_known(model):
            hint = "name an OpenAI model such as gpt-4.1-mini, or a base model (`ft-cli models list`)"
            raise UsageError(f"no public encoding for the model {model}; {hint}")
        return open_model_tokens.counter(model, models_folder)

    @lru_cache(maxsize=10_000)
    def cached(text: str) -> int:
        return len(encoding.encode_ordinary(text))

    def count_text(text: str) -> int:
        if len(text) <= CACHED_CHARACTERS:
            return cached(text)
        if len(text) <= MAX_PIECE_CHARACTERS:
            return len(encoding.encode_ordinary(text))
        return sum(len(encoding.encode_ordinary(piece)) for piece in pieces(text))

    of_image = image_tokens(model)

    def count(row: Row) -> int:
        messages = _messages(row)
        return sum(map(count_text, texts(row, messages))) + overhead(messages) + _of_images(messages, of_image, model)

    return count


def _of_images(messages: Sequence[Message], cost: ImageTokens | None, model: str) -> int:
    counted = 0
    for part in images_in(messages):
        if cost is None:
            raise DataError(f"{model} reads no images, or it is not public what they cost")
        counted += cost.low if is_low(part) else cost.high
    return counted


def pieces(text: str) -> Iterator[str]:
    """The text in pieces short enough for the encoder, cut before a space, where every encoding starts a new token."""
    while len(text) > MAX_PIECE_CHARACTERS:
        cut = text.rfind(" ", 1, MAX_PIECE_CHARACTERS)
        cut = cut if cut > 0 else MAX_PIECE_CHARACTERS
        yield text[:cut]
        text = text[cut:]
    yield text


def texts(row: Row, messages: Sequence[Message]) -> list[str]:
    """Every text of a chat row that a model reads."""
    found: list[str] = []
    for message in messages:
        found.append(str(message.get("role", "")))
        content = message.get("content")
        if isinstance(content, str):
            found.append(content)
        elif isinstance(content, list):
            found += [str(part.get("text", "")) for part in content if isinstance(part, dict)]
        if len(message) > 2:  # more than role and content
            found += [str(message[key]) for key in ("name", "tool_call_id", "refusal") if message.get(key)]
        if message.get("tool_calls"):
            found.append(_compact(message["tool_calls"]))
    question = row.get("input")
    tools = row.get("tools") or (question.get("tools") if isinstance(question, Mapping) else None)
    return [*found, _compact(tools)] if tools else found


def overhead(messages: Sequence[Message]) -> int:
    """Tokens that the chat format adds to the texts."""
    named = sum(1 for message in messages if message.get("name"))
    return PER_MESSAGE * len(messages) + PER_NAME * named + PER_CONVERSATION


def row_limit(model: str, models_folder: Path) -> int | None:
    """The maximum tokens per row that a host trains on; None if unknown."""
    if encoding_of(model) is None and catalogue.is_known(model):
        return open_model_tokens.row_limit(model, models_folder)
    base = base_model_of(model)
    fitting = [name for name in ROW_LIMITS if base == name or base.startswith(f"{name}-")]
    return ROW_LIMITS[max(fitting, key=len)] if fitting else None


def _messages(row: Row) -> list[Message]:
    """The messages of a chat row, or all those of a pair of answers."""
    parts = [row.get("messages"), row.get("preferred_output"), row.get("non_preferred_output")]
    if isinstance(question := row.get("input"), dict):
        parts.insert(0, question.get("messages"))
    return [message for part in parts if isinstance(part, list) for message in part if isinstance(message, dict)]


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
