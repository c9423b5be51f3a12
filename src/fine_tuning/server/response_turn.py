"""A turn of a conversation: what went before it and was sent, the chat completion it amounts to, and what is kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from fine_tuning.errors import ContextLengthError, NotFoundError
from fine_tuning.server import completion_store, response_items
from fine_tuning.server.api_errors import ApiError, not_found
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context
from fine_tuning.server.response_conversation import chat_messages, check_answered, without_oldest
from fine_tuning.server.response_items import Item, ItemReference, MessageItem, UnsupportedItem
from fine_tuning.server.response_objects import Response
from fine_tuning.server.response_request import PromptRequest, ResponseRequest
from fine_tuning.serving.chat_types import Chunk
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.interruption import Check
from fine_tuning.store import conversations, responses
from fine_tuning.store import response_items as stored_items
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.responses import NewResponse
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.response_items import Owner


@dataclass(frozen=True)
class Turn:
    """A request with its conversation.

    Attributes:
        sent: the items that it adds to the conversation, as they are stored.
        chat: the chat completion that it amounts to.
    """

    sent: list[JsonColumn]
    chat: ChatRequest


def prepared(server: Context, project: str, body: PromptRequest) -> Turn:
    """The turn of a request.

    Raises:
        ApiError: 404, what it continues or refers to does not exist; 400, there is nothing to answer, or a function
            call has no output.
    """
    with server.database.read() as tx:
        earlier = _earlier(tx, project, body)
        sent = _sent(tx, project, body)
    found = response_items.identified(sent, [each["id"] for each in earlier])
    items = [*response_items.read(earlier), *sent]
    messages = chat_messages(items, body.instructions)
    check_answered(items)
    return Turn(found, body.chat_request(messages))


def _earlier(tx: Transaction, project: str, body: PromptRequest) -> list[JsonColumn]:
    if (conversation := body.conversation_id) is not None:
        if conversations.get(tx, project, conversation) is None:
            raise not_found("conversation", conversation, "conversation")
        return stored_items.listed(tx, stored_items.of_conversation(conversation))
    if body.previous_response_id is None:
        return []
    try:
        return responses.chain_items(tx, project, body.previous_response_id)
    except NotFoundError as error:
        message = f"Previous response with id '{error}' not found."
        raise ApiError(404, message, param="previous_response_id", code="previous_response_not_found") from None


def _sent(tx: Transaction, project: str, body: PromptRequest) -> list[Item]:
    if isinstance(body.input, str):
        return [MessageItem(role="user", content=body.input)]
    return resolved(tx, project, body.input or [], "input")


def resolved(tx: Transaction, project: str, items: list[response_items.SentItem], param: str) -> list[Item]:
    """The items with those that they refer to in their places.

    Raises:
        ApiError: 404, an item does not exist.
    """
    found: list[Item] = []
    for item in items:
        if isinstance(item, ItemReference):
            if (stored := stored_items.find(tx, project, item.id)) is None:
                raise not_found("item", item.id, param)
            found += response_items.read([stored])
        elif not isinstance(item, UnsupportedItem):  # which no request has
            found.append(item)
    return found


def answered(engine: Engine, chat: ChatRequest, check: Check, *, is_shortened: bool) -> Generator[Chunk, None, None]:
    """The chunks of the answer.

    Args:
        check: called while messages are left out; what it raises ends the answer.
        is_shortened: leave out the oldest messages of a conversation that is too long.
    """
    try:
        yield from engine.chat_chunks(chat.streamed_request())
    except ContextLengthError:
        if not is_shortened:
            raise
        shorter = [chat.model_copy(update={"messages": each}) for each in without_oldest(chat.messages)]
        place = bisect_left(shorter, 1, key=lambda each: _fits(engine, each, check))
        if place == len(shorter):
            raise
        yield from engine.chat_chunks(shorter[place].streamed_request())


def _fits(engine: Engine, chat: ChatRequest, check: Check) -> bool:
    """Whether the model reads the whole prompt."""
    with closing(engine.chat_chunks(chat.streamed_request())) as chunks:
        try:
            for chunk in chunks:
                if chunk["choices"]:
                    break
                check()
        except ContextLengthError:
            return False
    return True


def keep(server: Context, project: str, body: ResponseRequest, turn: Turn, response: Response) -> None:
    """Store the response, unless the request says otherwise, and extend its conversation.

    Raises:
        NotFoundError: the conversation was deleted while it was answered.
    """
    conversation, name = body.conversation_id, response["id"]
    if not body.is_stored and conversation is None:
        return
    output: list[JsonColumn] = [{**item} for item in response["output"]]
    example = None
    if body.is_stored:
        answer = [each.plain() for each in chat_messages(response_items.read(output))]
        collector = completion_store.examples_of(server.workspace, project)
        example = completion_store.capture(collector, turn.chat, answer, {"response": name})
    with server.database.write() as tx:
        if conversation is not None and conversations.get(tx, project, conversation) is None:
            raise NotFoundError(f"conversation {conversation} was deleted while it was answered")
        owner = Owner(project, name if body.is_stored else None, conversation)
        _add(tx, owner, body, turn, response, example)


def keep_unfinished(server: Context, project: str, body: ResponseRequest, turn: Turn, response: Response) -> None:
    """Store a response that failed or was cancelled after its first event, with as much of the answer as there is.

    It can be retrieved; it is no example, and its conversation does not go on with half an answer.
    """
    if body.is_stored:
        with server.database.write() as tx:
            _add(tx, Owner(project, response["id"]), body, turn, response, None)


def _add(
    tx: Transaction, owner: Owner, body: ResponseRequest, turn: Turn, response: Response, example: str | None
) -> None:
    if owner.response_id is not None:
        new: NewResponse = {
            "id": owner.response_id,
            "project": owner.project,
            "model": body.model,
            "previous_response_id": body.previous_response_id,
            "response": {**response},
            "example_id": example,
        }
        responses.add(tx, new)
    stored_items.add(tx, owner, turn.sent)
    stored_items.add(tx, owner, [{**item} for item in response["output"]], is_output=True)
