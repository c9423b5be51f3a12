"""Tokens of a row for an open model: by its tokenizer and its chat template, as a trainer renders it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast

from fine_tuning._util.files import read_json
from fine_tuning._util.library_errors import reason_of
from fine_tuning.base_models import catalogue
from fine_tuning.base_models.pretrained import load_tokenizer
from fine_tuning.base_models.template_check import FileRendering
from fine_tuning.data_io.formats import system_prompt, tool_prompt
from fine_tuning.data_io.messages import Message, Tool, said_content
from fine_tuning.errors import DataError, MissingDependencyError

Row = Mapping[str, Any]  # a chat or preference row that was checked
Tokenizer: TypeAlias = Any  # of transformers, which is imported when it is needed


def counter(model: str, models_folder: Path) -> Callable[[Row], int]:
    """A function that counts the tokens of a chat row; of a pair of answers, those of both conversations.

    Args:
        models_folder: where base models are kept.

    Raises:
        NotFoundError: there is no such base model.
        MissingDependencyError: the `train` extra is not installed.
    """
    tokenizer = _tokenizer(catalogue.resolve(model, models_folder).path)
    rendering = FileRendering(str(tokenizer.chat_template or ""))

    def count(row: Row) -> int:
        if "preferred_output" not in row:
            return _count(tokenizer, rendering, row["messages"], row.get("tools"))
        prompt, tools = row["input"]["messages"], row["input"].get("tools")
        answers = (row["preferred_output"], row["non_preferred_output"])
        return sum(_count(tokenizer, rendering, [*prompt, *answer], tools) for answer in answers)

    return count


def row_limit(model: str, models_folder: Path) -> int | None:
    """The context length of the model in tokens; None if its configuration does not state it."""
    limit = read_json(catalogue.resolve(model, models_folder).path / "config.json").get("max_position_embeddings")
    return int(limit) if limit else None


@cache
def _tokenizer(folder: Path) -> Tokenizer:
    try:
        return load_tokenizer(folder)
    except ImportError as error:
        raise MissingDependencyError("transformers", "train", "counting the tokens of an open model") from error


def _count(tokenizer: Tokenizer, rendering: FileRendering, messages: list[Message], tools: list[Tool] | None) -> int:
    if not tool_prompt.template_supports_tools(str(tokenizer.chat_template or "")):
        messages, tools = tool_prompt.with_tools_as_text(messages, tools), None
    texts = [cast("Message", {**message, "content": _text(said_content(message))}) for message in messages]
    plain = tool_prompt.with_argument_objects(system_prompt.for_template(texts, tokenizer))
    if problem := rendering.problem([plain], tools):
        raise DataError(f"in the model's chat template, this row {problem}")
    try:
        rendered = tokenizer.apply_chat_template(plain, tools=tools, tokenize=False)
    except Exception as error:  # noqa: BLE001 - a template is a program of its author
        raise DataError(f"the model's chat template cannot render this row: {reason_of(error)}") from None
    return len(tokenizer(rendered, add_special_tokens=False)["input_ids"])


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content if isinstance(content, str) else ""
