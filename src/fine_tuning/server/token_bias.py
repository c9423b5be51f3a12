"""Tokens that a model does not have are refused: an engine leaves a bias on them out, or fails in words of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fine_tuning._util.field_errors import place
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.context import Context
from fine_tuning.server.loaded_models import Served
from fine_tuning.server.text_inputs import TextOrTokens
from fine_tuning.serving.interruption import Check
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.serving.token_texts import start_of_text, vocabulary_size


def check_bias(server: Context, served: Served, bias: Mapping[str, float] | None, check: Check) -> None:
    """Check that the model has the tokens; a host checks those of its own models.

    Raises:
        ApiError: 400, naming the first one that it does not have.
    """
    if bias:
        _check(server, served, {place("logit_bias", token): int(token) for token in bias}, check)


def check_prompts(server: Context, served: Served, prompts: Sequence[TextOrTokens], check: Check) -> None:
    """Check that the model has the tokens of prompts that are token ids, as `check_bias` does.

    Raises:
        ApiError: 400, naming the prompt.
    """
    largest = {place("prompt", at): max(each) for at, each in enumerate(prompts) if not isinstance(each, str)}
    if largest:
        _check(server, served, largest if len(prompts) > 1 else {"prompt": largest["prompt[0]"]}, check)


def begun(server: Context, served: Served, prompts: list[TextOrTokens], check: Check) -> list[TextOrTokens]:
    """The prompts with the token that begins a text in place of each empty one; a host begins those of its models.

    Raises:
        RefusedError: the model has no such token.
    """
    if served.provider != LOCAL or "" not in prompts:
        return prompts
    first = start_of_text(server.engines.folder_of(Served(LOCAL, served.model), check))
    return [[first] if each == "" else each for each in prompts]


def _check(server: Context, served: Served, tokens: Mapping[str, int], check: Check) -> None:
    """Check tokens by their places in the request."""
    if served.provider != LOCAL:
        return
    base = Served(LOCAL, served.model)  # an adapter has the tokens of its base
    count = vocabulary_size(server.engines.folder_of(base, check))
    for where, token in tokens.items():
        if token >= count:
            message = f"{where.partition('.')[0]} has the token id {token}; this model's ids are 0 to {count - 1}"
            raise invalid(message, where, "invalid_value")
