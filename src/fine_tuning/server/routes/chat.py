"""Chat completions, complete and streamed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from openai.types.chat import ChatCompletion as ChatCompletionModel

from fine_tuning.server import completion_store, model_lookup
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.client_disconnect import ClientDisconnected, check_connected
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.loaded_models import Served
from fine_tuning.server.sse_stream import STREAMED, event_stream
from fine_tuning.server.token_bias import check_bias
from fine_tuning.serving.chat_types import ChatBody, Usage, usage
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.wires.chat_objects import (
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChoiceCollector,
    ChunkWithUsage,
    chunk_choice,
    head,
    opening_of,
    total_usage,
)

router = APIRouter(prefix="/chat/completions", route_class=JsonRoute, tags=["Chat"])


@router.post("", response_model=ChatCompletionModel, response_model_exclude_unset=True, responses={200: {**STREAMED}})
def create(
    server: Server, project: Project, body: ChatRequest, client_disconnected: ClientDisconnected
) -> StreamingResponse | ChatCompletion:
    """Answer a conversation."""
    body.check()
    served = model_lookup.find(server, project, body.model)
    check = partial(check_connected, client_disconnected)
    check_bias(server, served, body.logit_bias, check)
    if body.stream:
        return event_stream(_chunks(server, project, served, body, client_disconnected))
    with server.engines.use(served, check) as engine:
        found = _choices(engine, body, client_disconnected)
    completion: ChatCompletion = {
        **head(body.model, "chat.completion"),
        "choices": [{**choice, "index": index} for index, (choice, _) in enumerate(found)],
        "usage": total_usage([counts for _, counts in found]),
    }
    if body.store:
        completion_store.keep(server, project, body, completion)
    return completion


def _choices(engine: Engine, body: ChatRequest, client_disconnected: Callable[[], bool]) -> list[tuple[Choice, Usage]]:
    """Choices and exact usage. Several choices are several requests, since engines count only one choice's tokens."""
    requests, top_logprobs = body.engine_requests(), body.top_logprobs or 0
    if len(requests) == 1:
        return [_choice(engine, requests[0], top_logprobs, client_disconnected)]
    failures: list[BaseException] = []

    def answer(request: ChatBody) -> tuple[Choice, Usage] | None:
        try:
            return _choice(engine, request, top_logprobs, lambda: bool(failures) or client_disconnected())
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody gets the other choices
            failures.append(error)
            return None

    with ThreadPoolExecutor(len(requests)) as pool:
        found = list(pool.map(answer, requests))
    if failures:
        raise failures[0]
    return [each for each in found if each is not None]


def _choice(
    engine: Engine, request: ChatBody, top_logprobs: int, client_disconnected: Callable[[], bool]
) -> tuple[Choice, Usage]:
    """One choice and its usage, joined from chunks, so that it can be stopped when the client disconnects."""
    collector, counts = ChoiceCollector(1), usage(0, 0)
    with closing(engine.chat_chunks(request)) as chunks:
        for chunk in chunks:
            if (reported := chunk.get("usage")) and not chunk["choices"]:
                counts = reported
            for choice in chunk["choices"]:
                collector.add(chunk_choice(choice, top_logprobs))
            check_connected(client_disconnected)
    return collector.choices()[0], counts


def _chunks(
    server: Context, project: str, served: Served, body: ChatRequest, client_disconnected: Callable[[], bool]
) -> Generator[ChatCompletionChunk | ChunkWithUsage, None, None]:
    """The chunks of a streamed answer; at its end it is stored, where the request stores it."""
    start = head(body.model, "chat.completion.chunk")
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    collector = ChoiceCollector(body.n or 1)
    usages: list[Usage] = []
    check = partial(check_connected, client_disconnected)
    with server.engines.use(served, check) as engine, closing(engine.chat_chunks(body.streamed_request())) as chunks:
        for chunk in chunks:
            if (reported := chunk.get("usage")) and not chunk["choices"]:
                usages.append(reported)
            for choice in chunk["choices"]:
                is_first = collector.is_new(choice["index"])
                opening = opening_of(choice, may_call=bool(body.tools)) if is_first else None
                shown = chunk_choice(choice, body.top_logprobs or 0, opening)
                collector.add(shown)
                answered: ChatCompletionChunk = {**start, "choices": [shown]}
                yield {**answered, "usage": None} if with_usage else answered
            check()
    if with_usage:
        yield {**start, "choices": [], "usage": total_usage(usages)}
    if body.store:
        completion: ChatCompletion = {
            **start,
            "object": "chat.completion",
            "choices": collector.choices(),
            "usage": total_usage(usages),
        }
        completion_store.keep(server, project, body, completion)
