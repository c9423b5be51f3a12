"""Texts and token ids, alone or several, as OpenAI's embeddings and completions take them."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator

MAX_INPUTS = 2048
MAX_TOKEN = 2**31 - 1
TextOrTokens = str | list[int]


def _parsed(value: object) -> list[TextOrTokens]:
    """The inputs: one for a text or for token ids, else one for each item.

    Raises:
        ValueError: an input has no token ids, or is neither; there are none, or too many.
    """
    if isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], int)):
        return [_checked(value, "this")]
    if not isinstance(value, list) or not value:
        raise ValueError("give a text, token ids, or a list of either")
    if len(value) > MAX_INPUTS:
        raise ValueError(f"there may be at most {MAX_INPUTS} inputs, not {len(value)}")
    kind = type(value[0])
    if any(type(each) is not kind for each in value):
        raise ValueError("texts and token ids may not be mixed")
    return [_checked(each, f"item {index}") for index, each in enumerate(value)]


def _not_empty(inputs: list[TextOrTokens]) -> list[TextOrTokens]:
    if "" in inputs:
        place = "this" if len(inputs) == 1 else f"item {inputs.index('')}"
        raise ValueError(f"{place} may not be empty")
    return inputs


def _checked(value: object, place: str) -> TextOrTokens:
    if value == []:
        raise ValueError(f"{place} may not be empty")
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise ValueError(f"{place} is neither a text nor a list of token ids")  # noqa: TRY004 - pydantic's contract
    for token in value:
        if type(token) is not int or not 0 <= token <= MAX_TOKEN:
            raise ValueError(f"{place} has {token!r}, which is no token id")
    return value


_Sent = str | list[str] | list[int] | list[list[int]]
TextInputs = Annotated[
    list[TextOrTokens], PlainValidator(lambda sent: _not_empty(_parsed(sent)), json_schema_input_type=_Sent)
]
Prompts = Annotated[  # null is an empty text, from which a model begins one
    list[TextOrTokens],
    PlainValidator(lambda sent: _parsed("" if sent is None else sent), json_schema_input_type=_Sent | None),
]
