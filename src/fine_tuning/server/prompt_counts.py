"""The tokens of a prompt as the model reads it."""

from __future__ import annotations

from contextlib import closing

from fine_tuning.server import model_lookup, response_turn
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context
from fine_tuning.serving.interruption import Check


def prompt_tokens(server: Context, project: str, chat: ChatRequest, check: Check, *, is_shortened: bool = False) -> int:
    """Count the tokens of a conversation, for which the model may generate one token.

    Args:
        check: called meanwhile; what it raises ends the count.
        is_shortened: leave out the oldest messages of a conversation that is too long.

    Raises:
        ApiError: 400, the model reports no counts.
    """
    one = chat.model_copy(update={"max_tokens": 1})
    served, found = model_lookup.find(server, project, chat.model), None
    with (
        server.engines.use(served, check) as engine,
        closing(response_turn.answered(engine, one, check, is_shortened=is_shortened)) as chunks,
    ):
        for chunk in chunks:
            counts = chunk.get("usage")
            found = counts["prompt_tokens"] if counts else found
            check()
    if found is None:
        raise invalid(f"{chat.model} reports no token counts", "model", "unsupported_model")
    return found
