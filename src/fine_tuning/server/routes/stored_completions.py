"""Stored completions: list, retrieve, messages, update, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from openai.pagination import SyncCursorPage
from openai.types.chat import ChatCompletion, ChatCompletionDeleted

from fine_tuning.server import api_objects
from fine_tuning.server.api_errors import invalid, not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.chat_request import Metadata
from fine_tuning.server.completion_store import RATINGS, rate
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.pagination import known_position, listed
from fine_tuning.server.query_parameters import MetadataFilter
from fine_tuning.server.request_model import RequestModel
from fine_tuning.store import completions
from fine_tuning.store.paging import Page
from fine_tuning.store.records.completions import StoredCompletion

router = APIRouter(prefix="/chat/completions", route_class=JsonRoute, tags=["Chat"])
_SHOWN_PARAMETERS = (
    "tools",
    "tool_choice",
    "temperature",
    "top_p",
    "seed",
    "response_format",
)  # of a request, besides messages
Order = Literal["asc", "desc"]
Limit = Annotated[int, Query(ge=1, le=100)]


class Update(RequestModel):
    """New metadata; a `rating` of 1 to 5 in it also rates the captured example."""

    metadata: Metadata | None


@router.get("", response_model=SyncCursorPage[ChatCompletion], response_model_exclude_unset=True)
def list_(
    server: Server,
    project: Project,
    metadata: MetadataFilter,
    model: str | None = None,
    after: str | None = None,
    limit: Limit = 20,
    order: Order = "asc",
) -> ApiObject:
    """The project's stored completions; `metadata[key]=value` filters."""
    if metadata is None:
        raise invalid(
            "'metadata=null' is a filter of jobs: leave metadata out, or write metadata[KEY]=VALUE", "metadata"
        )
    with known_position(), server.database.read() as tx:
        page = completions.page(
            tx, project, model=model, metadata=metadata, after=after, limit=limit, newest_first=order == "desc"
        )
    return listed(page, _shown)


@router.get("/{completion_id}", response_model=ChatCompletion, response_model_exclude_unset=True)
def retrieve(server: Server, project: Project, completion_id: str) -> ApiObject:
    """One stored completion."""
    return _shown(_find(server, project, completion_id))


@router.post("/{completion_id}", response_model=ChatCompletion, response_model_exclude_unset=True)
def update(server: Server, project: Project, completion_id: str, body: Update) -> ApiObject:
    """Replace the metadata."""
    row = _find(server, project, completion_id)
    metadata = body.metadata or {}
    body.check_storable()
    with server.database.write() as tx:
        completions.set_metadata(tx, completion_id, metadata)
    row["metadata"] = metadata
    if metadata.get("rating", "") in RATINGS:
        rate(server, row, int(metadata["rating"]))
    return _shown(row)


@router.delete("/{completion_id}", response_model=ChatCompletionDeleted)
def delete(server: Server, project: Project, completion_id: str) -> ApiObject:
    """Delete a stored completion; the captured example stays."""
    _find(server, project, completion_id)
    with server.database.write() as tx:
        completions.remove(tx, completion_id)
    return api_objects.deleted(completion_id, "chat.completion.deleted")


@router.get("/{completion_id}/messages")  # the SDK's model of a stored message knows the role "assistant" alone
def messages(
    server: Server,
    project: Project,
    completion_id: str,
    after: str | None = None,
    limit: Limit = 20,
    order: Order = "asc",
) -> ApiObject:
    """The messages that were sent."""
    sent = _find(server, project, completion_id)["request"]["messages"]
    rows = [_message(completion_id, number, message) for number, message in enumerate(sent)]
    rows = rows if order == "asc" else rows[::-1]
    if after is not None:
        known = [row["id"] for row in rows]
        if after not in known:
            raise invalid(f"no item {after} to continue after", "after")
        rows = rows[known.index(after) + 1 :]
    return listed(Page(rows[:limit], len(rows) > limit), lambda row: row)


def _message(completion_id: str, number: int, message: Mapping[str, object]) -> ApiObject:
    content = message.get("content")
    return {
        "id": f"{completion_id}-{number}",
        "role": message["role"],
        "content": content if isinstance(content, str) else None,
        "content_parts": content if isinstance(content, list) else None,
        "name": message.get("name"),
        "refusal": None,
        **{name: message[name] for name in ("tool_calls", "tool_call_id") if message.get(name)},
    }


def _shown(row: StoredCompletion) -> ApiObject:
    parameters = {name: row["request"][name] for name in _SHOWN_PARAMETERS if name in row["request"]}
    return {**parameters, **row["response"], "metadata": row["metadata"]}


def _find(server: Context, project: str, completion_id: str) -> StoredCompletion:
    waits = server.waiting.reason(project, completion_id)
    with server.database.read() as tx:
        row = completions.get(tx, project, completion_id)
    if row is None:
        raise waits or not_found("chat completion", completion_id, "completion_id")
    return row
