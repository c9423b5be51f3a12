"""A turn of a conversation: what went before it and was sent, and the chat completion it amounts to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from fine_tuning.errors import ContextLengthError, NotFoundError
from fine_tuning.server import response_items
from fine_tuning.server.api_errors import ApiError, invalid, not_found
from fine_tuning.server.chat_messages import MAX_MESSAGES
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context
from fine_tuning.server.response_conversation import chat_messages, check_answered, without_oldest
from fine_tuning.server.response_items import Item, ItemReference, MessageItem, UnsupportedItem
from fine_tuning.server.response_request import PromptRequest
from fine_tuning.serving.chat_types import Chunk
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.interruption import Check
from fine_tuning.store import conversations, paging, responses
from fine_tuning.store import response_items as stored_items
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.rows import JsonColumn


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
        earlier = _earlier(server, tx, project, body)
        sent = _sent(tx, project, body)
    found = response_items.identified(sent, [each["id"] for each in earlier])
    items = [*response_items.read(earlier), *sent]
    messages = chat_messages(items, body.instructions)
    check_answered(items)
    return Turn(found, body.chat_request(messages))


def _earlier(server: Context, tx: Transaction, project: str, body: PromptRequest) -> list[JsonColumn]:
    if (conversation := body.conversation_id) is not None:
        if conversations.get(tx, project, conversation) is None:
            raise not_found("conversation", conversation, "conversation")
        return stored_items.listed(tx, stored_items.of_conversation(conversation))
    if body.previous_response_id is None:
        return []
    waits = server.waiting.reason(project, body.previous_response_id)
    try:
        return responses.chain_items(tx, project, body.previous_response_id)
    except NotFoundError as error:
        if waits is not None:
            raise waits from None
        message = f"Previous response with id '{error}' not found."
        raise ApiError(404, message, param="previous_response_id", code="previous_response_not_found") from None


def _sent(tx: Transaction, project: str, body: PromptRequest) -> list[Item]:
    if isinstance(body.input, str):
        return [MessageItem(role="user", content=body.input)]
    return resolved(tx, project, body.input or [], "input")


def resolved(tx: Transaction, project: str, items: list[response_items.SentItem], param: str) -> list[Item]:
    """The items with those that they refer to in their places.

    Raises:
        ApiError: 404, an item does not exist; 400, they are too many or too long.
    """
    if sum(isinstance(item, ItemReference) for item in items) > MAX_MESSAGES:
        raise invalid(f"there may be {MAX_MESSAGES} references to items", param)
    found: list[Item] = []
    room = paging.MAX_CHARACTERS  # for what a few bytes each refer to
    for item in items:
        if isinstance(item, ItemReference):
            if (stored := stored_items.find_with_length(tx, project, item.id)) is None:
                raise not_found("item", item.id, param)
            if (room := room - stored[1]) < 0:
                raise invalid(
                    f"the items that are referred to have more than {paging.MAX_CHARACTERS:,} characters", param
                )
            found += response_items.read([stored[0]])
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
