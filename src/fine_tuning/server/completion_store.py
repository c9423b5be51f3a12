"""Stored completions: each also becomes a captured example."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fine_tuning._util import checks
from fine_tuning._util.checks import MAX_NAME_LENGTH
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import FineTuningError, UsageError
from fine_tuning.server.chat_objects import ChatCompletion
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.store import completions

_log = logging.getLogger(__name__)
DEFAULT_RATING = 5  # as of every captured call without a rating
RATINGS = {"1", "2", "3", "4", "5"}


def store(server: Context, project: str, body: ChatRequest, completion: ChatCompletion) -> None:
    """Store a request with its completion. The first choice is captured, unless it cannot be (an empty answer).

    A completion with text that databases cannot store is logged and left out.
    """
    try:
        checks.storable("choices", completion["choices"])
    except UsageError as error:
        _log.warning("completion %s not stored: %s", completion["id"], error)
        return
    metadata = body.metadata or {}
    example = _capture(server, body, completion, metadata)
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


def _capture(server: Context, body: ChatRequest, completion: ChatCompletion, metadata: Mapping[str, str]) -> str | None:
    message = {name: value for name, value in completion["choices"][0]["message"].items() if value is not None}
    rating = metadata.get("rating", "")
    try:
        return DistillationDataCollector(workspace=server.workspace).capture_conversation(
            [*(each.plain() for each in body.messages), message],
            (metadata.get("domain") or "general")[:MAX_NAME_LENGTH],
            (metadata.get("task_type") or "chat")[:MAX_NAME_LENGTH],
            int(rating) if rating in RATINGS else DEFAULT_RATING,
            {"completion": completion["id"], **metadata, "provider": LOCAL},
            model_used=body.model,
            tools=None if body.tools is None else [tool.model_dump(exclude_none=True) for tool in body.tools],
        )
    except FineTuningError as error:  # the stored completion has the answer
        _log.info("stored completion %s is no example: %s", completion["id"], error)
        return None
