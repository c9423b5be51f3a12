"""A bias on tokens that a model does not have is refused: an engine leaves it out without a word."""

from __future__ import annotations

from collections.abc import Mapping

from fine_tuning.server.api_errors import invalid
from fine_tuning.server.context import Context
from fine_tuning.server.loaded_models import Served
from fine_tuning.serving.interruption import Check
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.serving.token_texts import vocabulary_size


def check_bias(server: Context, served: Served, bias: Mapping[str, float] | None, check: Check) -> None:
    """Check that the model has the tokens; a host checks those of its own models.

    Raises:
        ApiError: 400, naming the first one that it does not have.
    """
    if not bias or served.provider != LOCAL:
        return
    base = Served(LOCAL, served.model)  # an adapter has the tokens of its base
    count = vocabulary_size(server.engines.folder_of(base, check))
    unknown = next((token for token in bias if int(token) >= count), None)
    if unknown is not None:
        message = f"logit_bias has the token id {unknown}; this model's ids are 0 to {count - 1}"
        raise invalid(message, f"logit_bias.{unknown}", "invalid_value")
