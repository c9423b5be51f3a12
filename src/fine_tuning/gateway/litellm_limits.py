"""What LiteLLM's SDK is not given: it would ask addresses of a client's choice, from the network of this server."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fine_tuning.data_io.messages import Message
from fine_tuning.gateway.translation.canonical_request import untranslatable
from fine_tuning.gateway.translation.turns import Image, parts

_MODEL = re.compile(r"(?!.*(?://|\.\.))[A-Za-z0-9][\w.:@/-]*", re.ASCII)


def is_model(name: str) -> bool:
    """Whether a model has a name, and not an address, which some vendors' models may have in its place."""
    return _MODEL.fullmatch(name) is not None


def check(model: str, messages: Sequence[Message]) -> None:
    """Refuse a model and images that are addresses.

    Raises:
        GatewayError: 400, there is one.
    """
    if not is_model(model):
        raise untranslatable(f"{model}: no name of a model", "model")
    for place, message in enumerate(messages):
        if any(isinstance(part, Image) and part.data is None for part in parts(message)):
            reason = "an image by its address cannot be passed to this target; send its content (data:...;base64,...)"
            raise untranslatable(f"messages[{place}]: {reason}", f"messages[{place}]")
