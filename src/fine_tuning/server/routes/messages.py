"""Anthropic's Messages, complete and streamed, for applications that were written for its SDKs; none is stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial

from fastapi import APIRouter
from fastapi.responses import JSONResponse, StreamingResponse

from fine_tuning.errors import FineTuningError
from fine_tuning.server import api_errors, model_lookup, prompt_counts
from fine_tuning.server.api_errors import ApiError
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.client_disconnect import ClientDisconnected, check_connected
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.message_request import CountTokensRequest, MessageRequest
from fine_tuning.server.query_parameters import Beta
from fine_tuning.server.sse_stream import STREAMED, typed_event_stream
from fine_tuning.serving.wires.message_events import Event, MessageEvents
from fine_tuning.serving.wires.message_objects import TokenCount, begun

router = APIRouter(prefix="/messages", route_class=JsonRoute, tags=["Messages"])
_log = logging.getLogger(__name__)
Events = Generator[list[Event], None, None]


@router.post("", response_model=None, responses={200: {**STREAMED}})
def create(
    server: Server,
    project: Project,
    body: MessageRequest,
    client_disconnected: ClientDisconnected,
    beta: Beta = None,  # noqa: ARG001 - what is beta at Anthropic is a field like any other here
) -> StreamingResponse | JSONResponse:
    """Answer a conversation."""
    body.check()
    answer = MessageEvents(begun(body.model), body.stop_sequences or ())
    events = _answered(server, project, body.chat_request(), answer, client_disconnected)
    if body.stream:
        return typed_event_stream(_with_failures(events))
    for _ in events:
        pass
    return JSONResponse(answer.message)


def _answered(
    server: Context, project: str, chat: ChatRequest, answer: MessageEvents, client_disconnected: Callable[[], bool]
) -> Events:
    served, check = model_lookup.find(server, project, chat.model), partial(check_connected, client_disconnected)
    with server.engines.use(served, check) as engine, closing(engine.chat_chunks(chat.streamed_request())) as chunks:
        for chunk in chunks:
            if events := answer.add(chunk):
                yield events
            check()
    yield answer.end()


def _with_failures(events: Events) -> Generator[Sequence[Mapping[str, object]], None, None]:
    """The events; an error after the first ones, when it is too late for a status, is the last one."""
    is_begun = False
    with closing(events):
        try:
            for batch in events:
                is_begun = True
                yield batch
        except (ApiError, FineTuningError) as error:
            if not is_begun:
                raise
            yield [api_errors.anthropic_event(error if isinstance(error, ApiError) else api_errors.expected(error))]
        except Exception:
            if not is_begun:
                raise
            _log.exception("a streamed message failed")
            yield [api_errors.anthropic_event(ApiError(500, "The server had an error while it answered; see its log."))]


@router.post("/count_tokens", response_model=None)
def count_tokens(
    server: Server,
    project: Project,
    body: CountTokensRequest,
    client_disconnected: ClientDisconnected,
    beta: Beta = None,  # noqa: ARG001 - as above
) -> JSONResponse:
    """Count the tokens of a conversation as the model reads it."""
    body.check()
    check = partial(check_connected, client_disconnected)
    found: TokenCount = {"input_tokens": prompt_counts.prompt_tokens(server, project, body.chat_request(), check)}
    return JSONResponse(found)
