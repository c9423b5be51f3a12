"""Conversations: create, retrieve, update, delete, and their items."""

from __future__ import annotations

from fastapi import APIRouter
from openai.types.conversations import Conversation as ConversationModel
from openai.types.conversations import ConversationDeletedResource, ConversationItem, ConversationItemList
from pydantic import Field

from fine_tuning.server import api_objects, response_turn
from fine_tuning.server.api_errors import not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.chat_request import Metadata
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.pagination import listed
from fine_tuning.server.query_parameters import Included
from fine_tuning.server.request_model import RequestModel
from fine_tuning.server.response_items import SentItem, identified
from fine_tuning.server.routes.responses import Limit, Order, items_page
from fine_tuning.serving.wires.object_ids import new_id
from fine_tuning.store import conversations, response_items
from fine_tuning.store.database import Transaction
from fine_tuning.store.paging import Page
from fine_tuning.store.records.responses import Conversation
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.response_items import Owner

router = APIRouter(prefix="/conversations", route_class=JsonRoute, tags=["Conversations"])
MAX_ITEMS = 20  # that a request adds


class CreateConversation(RequestModel):
    """A conversation, with its first items."""

    items: list[SentItem] | None = Field(default=None, max_length=MAX_ITEMS)
    metadata: Metadata | None = None


class UpdateConversation(RequestModel):
    """New metadata."""

    metadata: Metadata | None


class CreateItems(RequestModel):
    """Items to append."""

    items: list[SentItem] = Field(max_length=MAX_ITEMS)


@router.post("", response_model=ConversationModel)
def create(server: Server, project: Project, body: CreateConversation | None = None) -> ApiObject:
    """Create a conversation."""
    given = body or CreateConversation()
    given.check_storable()
    with server.database.write() as tx:
        row = conversations.add(tx, project, new_id("conv"), given.metadata or {})
        _append(tx, project, row["id"], given.items or [])
    return _shown(row)


@router.get("/{conversation_id}", response_model=ConversationModel)
def retrieve(server: Server, project: Project, conversation_id: str) -> ApiObject:
    """One conversation, without its items."""
    return _shown(_find(server, project, conversation_id))


@router.post("/{conversation_id}", response_model=ConversationModel)
def update(server: Server, project: Project, conversation_id: str, body: UpdateConversation) -> ApiObject:
    """Replace the metadata."""
    row = _find(server, project, conversation_id)
    body.check_storable()
    row["metadata"] = body.metadata or {}
    with server.database.write() as tx:
        conversations.set_metadata(tx, conversation_id, row["metadata"])
    return _shown(row)


@router.delete("/{conversation_id}", response_model=ConversationDeletedResource)
def delete(server: Server, project: Project, conversation_id: str) -> ApiObject:
    """Delete a conversation; items of stored responses stay with them."""
    _find(server, project, conversation_id)
    with server.database.write() as tx:
        conversations.remove(tx, conversation_id)
    return api_objects.deleted(conversation_id, "conversation.deleted")


@router.post("/{conversation_id}/items", response_model=ConversationItemList, response_model_exclude_unset=True)
def create_items(
    server: Server,
    project: Project,
    conversation_id: str,
    body: CreateItems,
    included: Included,  # noqa: ARG001 - items have all that there is of them
) -> ApiObject:
    """Append items."""
    body.check_storable()
    _find(server, project, conversation_id)
    with server.database.write() as tx:
        added = _append(tx, project, conversation_id, body.items)
    return listed(Page(added, has_more=False), lambda item: item)


@router.get("/{conversation_id}/items", response_model=ConversationItemList, response_model_exclude_unset=True)
def list_items(
    server: Server,
    project: Project,
    conversation_id: str,
    included: Included,  # noqa: ARG001
    after: str | None = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> ApiObject:
    """The items of a conversation."""
    _find(server, project, conversation_id)
    return items_page(server, response_items.of_conversation(conversation_id), after, limit, order)


@router.get("/{conversation_id}/items/{item_id}", response_model=ConversationItem, response_model_exclude_unset=True)
def retrieve_item(
    server: Server,
    project: Project,
    conversation_id: str,
    item_id: str,
    included: Included,  # noqa: ARG001
) -> ApiObject:
    """One item of a conversation."""
    _find(server, project, conversation_id)
    with server.database.read() as tx:
        item = response_items.find(tx, project, item_id, conversation_id)
    if item is None:
        raise not_found("item", item_id, "item_id")
    return item


@router.delete("/{conversation_id}/items/{item_id}", response_model=ConversationModel)
def delete_item(server: Server, project: Project, conversation_id: str, item_id: str) -> ApiObject:
    """Delete an item of a conversation."""
    row = _find(server, project, conversation_id)
    with server.database.write() as tx:
        if not response_items.remove(tx, conversation_id, item_id):
            raise not_found("item", item_id, "item_id")
    return _shown(row)


def _append(tx: Transaction, project: str, conversation_id: str, items: list[SentItem]) -> list[JsonColumn]:
    earlier = response_items.of_conversation(conversation_id)
    response_items.check_length(tx, earlier)
    added = identified(response_turn.resolved(tx, project, items, "items"), response_items.ids(tx, earlier))
    response_items.add(tx, Owner(project, conversation_id=conversation_id), added)
    return added


def _find(server: Context, project: str, conversation_id: str) -> Conversation:
    with server.database.read() as tx:
        row = conversations.get(tx, project, conversation_id)
    if row is None:
        raise not_found("conversation", conversation_id, "conversation_id")
    return row


def _shown(row: Conversation) -> ApiObject:
    return {
        "id": row["id"],
        "object": "conversation",
        "created_at": api_objects.seconds(row["created_at"]),
        "metadata": row["metadata"],
    }
