"""Responses, complete and streamed, and what follows from a stored one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, StreamingResponse
from openai.types.responses import InputTokenCountResponse
from openai.types.responses import Response as ResponseModel
from openai.types.responses.response_item_list import ResponseItemList

from fine_tuning.errors import FineTuningError
from fine_tuning.server import api_objects, model_lookup, response_turn
from fine_tuning.server.api_errors import ApiError, invalid, not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.client_disconnect import CLIENT_CLOSED_REQUEST, ClientDisconnected, check_connected
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.pagination import known_position, listed
from fine_tuning.server.response_events import Event, ResponseEvents
from fine_tuning.server.response_objects import begun
from fine_tuning.server.response_request import InputTokensRequest, ResponseRequest
from fine_tuning.server.response_turn import Turn
from fine_tuning.server.sse_stream import typed_event_stream
from fine_tuning.store import response_items, responses
from fine_tuning.store.records.responses import StoredResponse

router = APIRouter(prefix="/responses", tags=["Responses"])
_log = logging.getLogger(__name__)
Order = Literal["asc", "desc"]
Limit = Annotated[int, Query(ge=1, le=100)]
Events = Generator[list[Event], None, None]


@router.post("", response_model=None, responses={200: {"model": ResponseModel}})
def create(
    server: Server, project: Project, body: ResponseRequest, client_disconnected: ClientDisconnected
) -> StreamingResponse | JSONResponse:
    """Answer an input."""
    body.check()
    turn = response_turn.prepared(server, project, body)
    answer = ResponseEvents(begun(body), body.top_logprobs or 0)
    events = _answered(server, project, body, turn, answer, client_disconnected)
    if body.stream:
        return typed_event_stream(_with_failures(events, answer))
    for _ in events:
        pass
    return JSONResponse(answer.response)


def _answered(
    server: Context,
    project: str,
    body: ResponseRequest,
    turn: Turn,
    answer: ResponseEvents,
    client_disconnected: Callable[[], bool],
) -> Events:
    """The events of the answer; it is stored before the last ones, so that a client can continue it at once."""
    served = model_lookup.find(server, project, body.model)
    is_shortened = body.truncation == "auto"
    with (
        server.engines.use(served) as engine,
        closing(response_turn.answered(engine, turn.chat, is_shortened=is_shortened)) as chunks,
    ):
        for chunk in chunks:
            if events := answer.add(chunk):
                yield events
            check_connected(client_disconnected)
    last = answer.end()
    response_turn.keep(server, project, body, turn, answer.response)
    yield last


def _with_failures(events: Events, answer: ResponseEvents) -> Events:
    """The events; an error after the first ones, when it is too late for a status, is the last one."""
    is_begun = False
    with closing(events):
        try:
            for batch in events:
                yield batch
                is_begun = True
        except ApiError as error:
            if not is_begun or error.status != CLIENT_CLOSED_REQUEST:
                raise
        except FineTuningError as error:
            if not is_begun:
                raise
            yield answer.fail(str(error))
        except Exception:
            if not is_begun:
                raise
            _log.exception("a streamed response failed")
            yield answer.fail("The server had an error while it answered; see its log.")


@router.post("/input_tokens", response_model=InputTokenCountResponse)
def count_input_tokens(
    server: Server, project: Project, body: InputTokensRequest, client_disconnected: ClientDisconnected
) -> ApiObject:
    """Count the tokens of an input as the model reads it, for which it generates one token."""
    body.check()
    turn = response_turn.prepared(server, project, body)
    chat = turn.chat.model_copy(update={"max_tokens": 1})
    counts = None
    with server.engines.use(model_lookup.find(server, project, body.model)) as engine:
        for chunk in response_turn.answered(engine, chat, is_shortened=body.truncation == "auto"):
            counts = chunk.get("usage") or counts
            check_connected(client_disconnected)
    if counts is None:
        raise invalid(f"{body.model} reports no token counts", "model", "unsupported_model")
    return {"object": "response.input_tokens", "input_tokens": counts["prompt_tokens"]}


@router.post("/compact")
def compact() -> None:
    """Refuse to compact a conversation."""
    raise invalid("compact is not supported: no model here reads a compacted form; use truncation = auto")


@router.get("/{response_id}", response_model=None, responses={200: {"model": ResponseModel}})
def retrieve(server: Server, project: Project, response_id: str, *, stream: bool = False) -> JSONResponse:
    """One stored response."""
    row = _find(server, project, response_id)
    if stream:
        raise invalid("only a background response can be streamed again, and there are none here", "stream")
    return JSONResponse(row["response"])


@router.delete("/{response_id}")
def delete(server: Server, project: Project, response_id: str) -> ApiObject:
    """Delete a stored response; the captured example stays."""
    _find(server, project, response_id)
    with server.database.write() as tx:
        responses.remove(tx, response_id)
    return api_objects.deleted(response_id, "response")


@router.post("/{response_id}/cancel")
def cancel(server: Server, project: Project, response_id: str) -> None:
    """Refuse to cancel a response that is complete."""
    _find(server, project, response_id)
    raise invalid("Cannot cancel a synchronous response: close its connection instead.", "response_id")


@router.get("/{response_id}/input_items", response_model=ResponseItemList, response_model_exclude_unset=True)
def list_input_items(
    server: Server,
    project: Project,
    response_id: str,
    after: str | None = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> ApiObject:
    """The items that were sent with the request itself."""
    _find(server, project, response_id)
    return items_page(server, response_items.input_of(response_id), after, limit, order)


def items_page(
    server: Context, conditions: response_items.Conditions, after: str | None, limit: int, order: Order
) -> ApiObject:
    """A page of the items that meet these conditions."""
    with known_position(), server.database.read() as tx:
        page = response_items.page(tx, conditions, after=after, limit=limit, newest_first=order == "desc")
    return listed(page, lambda item: item)


def _find(server: Context, project: str, response_id: str) -> StoredResponse:
    with server.database.read() as tx:
        row = responses.get(tx, project, response_id)
    if row is None:
        raise not_found("response", response_id, "response_id")
    return row
