"""Stored completions: each also becomes a captured example."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import ValidationError

from fine_tuning._util.checks import MAX_NAME_LENGTH
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError, FineTuningError, StorageError
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.serving.wires.chat_objects import ChatCompletion
from fine_tuning.store import completions, examples
from fine_tuning.store.records.completions import StoredCompletion
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
RATINGS = {"1", "2", "3", "4", "5"}


def keep(server: Context, project: str, body: ChatRequest, completion: ChatCompletion) -> None:
    """Keep a request with its completion; it is stored within a moment, or when the database is there again."""
    request = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    server.waiting.add(completion["id"], {"project": project, "request": request, "completion": {**completion}})


def store_waiting(workspace: Workspace, waiting: JsonObject) -> None:
    """Store what `keep` kept, once.

    Raises:
        StorageError: the database refuses; nothing is stored.
        DataError: it is no completion.
    """
    try:
        body = ChatRequest.model_validate(waiting["request"])
        project, completion = str(waiting["project"]), cast("ChatCompletion", waiting["completion"])
    except (KeyError, ValidationError) as error:
        raise DataError(f"not a completion that was kept: {error!r:.200}") from None
    with workspace.database.read() as tx:
        is_stored = completions.get(tx, project, completion["id"]) is not None
    if not is_stored:
        _store(workspace, project, body, completion)


def _store(workspace: Workspace, project: str, body: ChatRequest, completion: ChatCompletion) -> None:
    """Store a request with its completion. The first choice is captured, unless it cannot be (an empty answer)."""
    metadata = body.metadata or {}
    message = {name: value for name, value in completion["choices"][0]["message"].items() if value is not None}
    example = capture(examples_of(workspace, project), body, [message], {"completion": completion["id"]})
    with workspace.database.write() as tx:
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


def examples_of(workspace: Workspace, project: str) -> DistillationDataCollector:
    """The captured calls of a project."""
    return DistillationDataCollector(workspace=workspace, project=project)


def capture(
    collector: DistillationDataCollector,
    body: ChatRequest,
    answer: Sequence[Mapping[str, object]],
    source: Mapping[str, str],
) -> str | None:
    """Capture a conversation as an example; None where it cannot be one, such as with an empty answer.

    It is unrated unless the request's metadata has a rating.

    Args:
        collector: of the request's project.
        answer: the messages that follow those of the request.
        source: what to note of where it is from, beside the request's metadata.
    """
    metadata = body.metadata or {}
    rating = metadata.get("rating", "")
    try:
        return collector.capture_conversation(
            [*(each.plain() for each in body.messages), *answer],
            (metadata.get("domain") or "general")[:MAX_NAME_LENGTH],
            (metadata.get("task_type") or "chat")[:MAX_NAME_LENGTH],
            int(rating) if rating in RATINGS else None,
            {**source, **metadata, "provider": LOCAL},
            model_used=body.model,
            tools=None
            if (tools := body.callable_tools) is None
            else [tool.model_dump(exclude_none=True) for tool in tools],
        )
    except StorageError:
        raise
    except FineTuningError as error:  # what is stored has the answer
        _log.info("what was answered by %s is no example: %s", body.model, error)
        return None


def rate(server: Context, row: StoredCompletion, rating: int) -> None:
    """Rate the example that a stored completion became.

    One that was captured before examples had projects belongs to the default one, and may be shared with it: another
    project rates a copy of its own.
    """
    if row["example_id"] is None:
        return
    collector = examples_of(server.workspace, row["project"])
    with server.database.read() as tx:
        example, project = examples.get(tx, row["example_id"]), examples.project_of(tx, row["example_id"])
    if example is None:
        return
    example_id = example["id"]
    if project != row["project"]:
        example_id = collector.capture_conversation(
            messages_of_example(example),
            example["domain"],
            example["task_type"],
            None,
            {"completion": row["id"], **row["metadata"], "provider": LOCAL},
            example["model_used"],
            tools=example["tools"],
        )
        with server.database.write() as tx:
            completions.set_example(tx, row["id"], example_id)
    collector.rate(example_id, rating)
