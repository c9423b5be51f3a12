"""Stored completions: each also becomes a captured example."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from fine_tuning._util.checks import MAX_NAME_LENGTH
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import FineTuningError
from fine_tuning.server.chat_objects import ChatCompletion
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.store import completions

_log = logging.getLogger(__name__)
DEFAULT_RATING = 5  # as of every captured call without a rating
RATINGS = {"1", "2", "3", "4", "5"}


def store(server: Context, project: str, body: ChatRequest, completion: ChatCompletion) -> None:
    """Store a request with its completion. The first choice is captured, unless it cannot be (an empty answer)."""
    metadata = body.metadata or {}
    message = {name: value for name, value in completion["choices"][0]["message"].items() if value is not None}
    example = capture(server, body, [message], {"completion": completion["id"]})
    with server.database.write() as tx:
        completions.add(
            tx,
            {
                "id": completion["id"],
                "project": project,
                "model": body.model,
                "request": body.model_dump(mode="json", by_alias=True, exclude_none=True),
                "response": {**completion},
                "metadata": dict(metadata),
                "example_id": example,
            },
        )


def capture(
    server: Context, body: ChatRequest, answer: Sequence[Mapping[str, object]], source: Mapping[str, str]
) -> str | None:
    """Capture a conversation as an example; None where it cannot be one, such as with an empty answer.

    Args:
        answer: the messages that follow those of the request.
        source: what to note of where it is from, beside the request's metadata.
    """
    metadata = body.metadata or {}
    rating = metadata.get("rating", "")
    try:
        return DistillationDataCollector(workspace=server.workspace).capture_conversation(
            [*(each.plain() for each in body.messages), *answer],
            (metadata.get("domain") or "general")[:MAX_NAME_LENGTH],
            (metadata.get("task_type") or "chat")[:MAX_NAME_LENGTH],
            int(rating) if rating in RATINGS else DEFAULT_RATING,
            {**source, **metadata, "provider": LOCAL},
            model_used=body.model,
            tools=None
            if (tools := body.callable_tools) is None
            else [tool.model_dump(exclude_none=True) for tool in tools],
        )
    except FineTuningError as error:  # what is stored has the answer
        _log.info("what was answered by %s is no example: %s", body.model, error)
        return None
