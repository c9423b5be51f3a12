"""Stored responses: what went to and fro in a turn is kept, and each answer also becomes a captured example."""

from __future__ import annotations

from typing import cast

from pydantic import ValidationError

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.errors import DataError, NotFoundError
from fine_tuning.server import completion_store, response_items
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context
from fine_tuning.server.response_conversation import chat_messages
from fine_tuning.server.response_request import ResponseRequest
from fine_tuning.server.response_turn import Turn
from fine_tuning.serving.wires.response_objects import Response
from fine_tuning.store import conversations, responses
from fine_tuning.store import response_items as stored_items
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.response_items import Owner
from fine_tuning.store.workspace import Workspace

KIND = "response"  # the key that such an answer has where it waits


def keep(server: Context, project: str, body: ResponseRequest, turn: Turn, response: Response) -> None:
    """Store a response, unless the request says otherwise, and extend its conversation.

    Without a conversation it is stored within a moment, or when the database is there again. A conversation goes on
    with this answer, which is therefore in it before it is sent.

    Raises:
        NotFoundError: the conversation was deleted while it was answered.
        StorageError: the conversation cannot be extended.
    """
    if (conversation := body.conversation_id) is None:
        if body.is_stored:
            _wait(server, project, turn, response, turn.chat)
        return
    example = _captured(server.workspace, project, turn.chat, response) if body.is_stored else None
    with server.database.write() as tx:
        if conversations.get(tx, project, conversation) is None:
            raise NotFoundError(f"conversation {conversation} was deleted while it was answered")
        _add(tx, Owner(project, response["id"] if body.is_stored else None, conversation), turn.sent, response, example)


def keep_unfinished(server: Context, project: str, body: ResponseRequest, turn: Turn, response: Response) -> None:
    """Store a response that failed or was cancelled after its first event, with as much of the answer as there is.

    It can be retrieved; it is no example, and its conversation does not go on with half an answer.
    """
    if body.is_stored:
        _wait(server, project, turn, response, None)


def _wait(server: Context, project: str, turn: Turn, response: Response, example: ChatRequest | None) -> None:
    """Keep the answer until it is stored; `example` is what it answered, where it is one."""
    chat = None if example is None else example.model_dump(mode="json", by_alias=True, exclude_none=True)
    waiting: JsonObject = {"project": project, "chat": chat, "sent": turn.sent, KIND: {**response}}
    server.waiting.add(response["id"], waiting)


def store_waiting(workspace: Workspace, waiting: JsonObject) -> None:
    """Store a response that was kept, once.

    Raises:
        StorageError: the database refuses; nothing is stored.
        DataError: it is no response.
    """
    try:
        chat = None if waiting["chat"] is None else ChatRequest.model_validate(waiting["chat"])
        project, response = str(waiting["project"]), cast("Response", waiting[KIND])
        sent, name = cast("list[JsonColumn]", waiting["sent"]), response["id"]
    except (KeyError, TypeError, ValidationError) as error:
        raise DataError(f"not a response that was kept: {error!r:.200}") from None
    with workspace.database.read() as tx:
        if responses.get(tx, project, name) is not None:
            return
    example = None if chat is None else _captured(workspace, project, chat, response)
    with workspace.database.write() as tx:
        _add(tx, Owner(project, name), sent, response, example)


def _captured(workspace: Workspace, project: str, chat: ChatRequest, response: Response) -> str | None:
    """The example that the answer became."""
    answer = [each.plain() for each in chat_messages(response_items.read(_output(response)))]
    collector = completion_store.examples_of(workspace, project)
    return completion_store.capture(collector, chat, answer, {"response": response["id"]})


def _add(tx: Transaction, owner: Owner, sent: list[JsonColumn], response: Response, example: str | None) -> None:
    if owner.response_id is not None:
        responses.add(
            tx,
            {
                "id": owner.response_id,
                "project": owner.project,
                "model": response["model"],
                "previous_response_id": response["previous_response_id"],
                "response": {**response},
                "example_id": example,
            },
        )
    stored_items.add(tx, owner, sent)
    stored_items.add(tx, owner, _output(response), is_output=True)


def _output(response: Response) -> list[JsonColumn]:
    return [{**item} for item in response["output"]]
