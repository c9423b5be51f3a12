"""Responses, complete and streamed, and what follows from a stored one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, StreamingResponse
from openai.types.responses import InputTokenCountResponse
from openai.types.responses import Response as ResponseModel
from openai.types.responses.response_item_list import ResponseItemList

from fine_tuning.errors import FineTuningError
from fine_tuning.server import api_objects, model_lookup, prompt_counts, response_store, response_turn
from fine_tuning.server.api_errors import CLIENT_CLOSED_REQUEST, ApiError, invalid, not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.begun_response import begun
from fine_tuning.server.client_disconnect import ClientDisconnected, check_connected
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.pagination import known_position, listed
from fine_tuning.server.query_parameters import Included
from fine_tuning.server.response_request import InputTokensRequest, ResponseRequest
from fine_tuning.server.response_turn import Turn
from fine_tuning.server.sse_stream import STREAMED, typed_event_stream
from fine_tuning.serving.wires.response_events import Event, ResponseEvents
from fine_tuning.store import response_items, responses
from fine_tuning.store.records.responses import StoredResponse

router = APIRouter(prefix="/responses", route_class=JsonRoute, tags=["Responses"])
_log = logging.getLogger(__name__)
Order = Literal["asc", "desc"]
Limit = Annotated[int, Query(ge=1, le=100)]
Events = Generator[list[Event], None, None]


@dataclass(frozen=True)
class _Call:
    """A request that is being answered, and as much of its answer as there is."""

    server: Context
    project: str
    body: ResponseRequest
    turn: Turn
    answer: ResponseEvents

    def keep(self) -> None:
        """Store the complete response, and extend its conversation."""
        response_store.keep(self.server, self.project, self.body, self.turn, self.answer.response)

    def failed(self, message: str) -> list[Event]:
        """The last event of an answer that failed, which is stored first."""
        events = self.answer.fail(message)
        self._keep_unfinished()
        return events

    def cancel(self) -> None:
        """Store an answer whose reader has left before its end."""
        if self.answer.response["status"] == "in_progress":
            self.answer.cancel()
            self._keep_unfinished()

    def _keep_unfinished(self) -> None:
        try:
            response_store.keep_unfinished(self.server, self.project, self.body, self.turn, self.answer.response)
        except FineTuningError as error:  # why the answer failed must reach its reader all the same
            _log.error("the response %s could not be stored: %s", self.answer.response["id"], error)


@router.post("", response_model=None, responses={200: {"model": ResponseModel, **STREAMED}})
def create(
    server: Server, project: Project, body: ResponseRequest, client_disconnected: ClientDisconnected
) -> StreamingResponse | JSONResponse:
    """Answer an input."""
    body.check()
    turn = response_turn.prepared(server, project, body)
    call = _Call(server, project, body, turn, ResponseEvents(begun(body), body.top_logprobs or 0))
    events = _answered(call, client_disconnected)
    if body.stream:
        return typed_event_stream(_with_failures(events, call))
    for _ in events:
        pass
    return JSONResponse(call.answer.response)


def _answered(call: _Call, client_disconnected: Callable[[], bool]) -> Events:
    """The events of the answer; it is stored before the last ones, so that a client can continue it at once."""
    served = model_lookup.find(call.server, call.project, call.body.model)
    check = partial(check_connected, client_disconnected)
    is_shortened = call.body.truncation == "auto"
    with (
        call.server.engines.use(served, check) as engine,
        closing(response_turn.answered(engine, call.turn.chat, check, is_shortened=is_shortened)) as chunks,
    ):
        for chunk in chunks:
            if events := call.answer.add(chunk):
                yield events
            check()
    last = call.answer.end()
    call.keep()
    yield last


def _with_failures(events: Events, call: _Call) -> Events:
    """The events; an error after the first ones, when it is too late for a status, is the last one."""
    is_begun = False
    with closing(events):
        try:
            for batch in events:
                is_begun = True
                yield batch
        except GeneratorExit:
            events.close()  # frees the model before the database is waited for
            call.cancel()
            raise
        except ApiError as error:
            if not is_begun or error.status != CLIENT_CLOSED_REQUEST:
                raise
            call.cancel()
        except FineTuningError as error:
            if not is_begun:
                raise
            yield call.failed(str(error))
        except Exception:
            if not is_begun:
                raise
            _log.exception("a streamed response failed")
            yield call.failed("The server had an error while it answered; see its log.")


@router.post("/input_tokens", response_model=InputTokenCountResponse)
def count_input_tokens(
    server: Server, project: Project, body: InputTokensRequest, client_disconnected: ClientDisconnected
) -> ApiObject:
    """Count the tokens of an input as the model reads it, for which it generates one token."""
    body.check()
    chat, check = response_turn.prepared(server, project, body).chat, partial(check_connected, client_disconnected)
    count = prompt_counts.prompt_tokens(server, project, chat, check, is_shortened=body.truncation == "auto")
    return {"object": "response.input_tokens", "input_tokens": count}


@router.post("/compact")
def compact() -> None:
    """Refuse to compact a conversation."""
    raise invalid("compact is not supported: no model here reads a compacted form; use truncation = auto")


@dataclass(frozen=True)
class StreamedAgain:
    """How a background response is streamed again, from an event on."""

    stream: bool = False
    starting_after: int | None = None
    include_obfuscation: bool | None = None

    def check(self) -> None:
        """Refuse to stream: there are no background responses.

        Raises:
            ApiError: 400.
        """
        for name in ("stream", "starting_after"):
            if getattr(self, name) not in (None, False):
                raise invalid("only a background response can be streamed again, and there are none here", name)


@router.get("/{response_id}", response_model=None, responses={200: {"model": ResponseModel}})
def retrieve(
    server: Server,
    project: Project,
    response_id: str,
    again: Annotated[StreamedAgain, Depends()],
    included: Included,  # noqa: ARG001 - a response has all that there is of it
) -> JSONResponse:
    """One stored response."""
    row = _find(server, project, response_id)
    again.check()
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
    included: Included,  # noqa: ARG001 - items have all that there is of them
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
    waits = server.waiting.reason(project, response_id)
    with server.database.read() as tx:
        row = responses.get(tx, project, response_id)
    if row is None:
        raise waits or not_found("response", response_id, "response_id")
    return row
