"""Chat completions, whole and streamed."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Annotated, Any

from anyio import CancelScope
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from openai.types.chat import ChatCompletion
from starlette.types import Receive, Scope, Send

from fine_tuning.errors import FineTuningError
from fine_tuning.server import api_errors, completion_store, model_lookup
from fine_tuning.server.api_errors import ApiError
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.loaded_models import Served
from fine_tuning.serving.engine import Engine

router = APIRouter(prefix="/chat/completions", tags=["Chat"])
FINGERPRINT = "fp_fine_tuning"
LOOK_SECONDS = 0.5
CLIENT_LEFT = 499  # what nginx logs; nobody reads it
_log = logging.getLogger(__name__)


async def client_has_left(request: Request) -> Callable[[], bool]:
    """A function for the thread that answers: whether the client is gone; looked at now and then, as it takes time."""
    loop = asyncio.get_running_loop()
    looked = time.monotonic()

    def has_left() -> bool:
        nonlocal looked
        if time.monotonic() - looked < LOOK_SECONDS:
            return False
        looked = time.monotonic()
        return asyncio.run_coroutine_threadsafe(request.is_disconnected(), loop).result()

    return has_left


HasLeft = Annotated[Callable[[], bool], Depends(client_has_left)]


@router.post("", response_model=ChatCompletion, response_model_exclude_unset=True)
def create(server: Server, project: Project, body: ChatRequest, has_left: HasLeft) -> Any:
    """Answer a conversation."""
    body.check()
    served = model_lookup.find(server, project, body.model)
    if body.stream:
        return _streamed(server, project, served, body)
    with server.engines.use(served) as engine:
        answer = _head(body, "chat.completion") | _answers(engine, body, has_left)
    if body.store:
        completion_store.keep(server, project, body, answer)
    return answer


def _head(body: ChatRequest, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": body.model,
        "system_fingerprint": FINGERPRINT,
    }


def _answers(engine: Engine, body: ChatRequest, has_left: Callable[[], bool]) -> dict[str, Any]:
    """Choices and exact usage. Several choices are several requests, since engines count only one choice's tokens."""
    asked, number = body.for_engine(), body.n or 1
    requests = [asked | ({} if body.seed is None else {"seed": asked["seed"] + index}) for index in range(number)]

    def whole(request: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
        return _whole(engine, request, body.top_logprobs or 0, has_left)

    if number == 1:
        found = [whole(requests[0])]
    else:
        with ThreadPoolExecutor(number) as pool:
            found = list(pool.map(whole, requests))
    choices = [{**choice, "index": index} for index, (choice, _) in enumerate(found)]
    return {"choices": choices, "usage": _usage([usage for _, usage in found])}


def _whole(
    engine: Engine, asked: Mapping[str, Any], top: int, has_left: Callable[[], bool]
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """One choice and its usage, put together from its pieces, so that it can be stopped when nobody waits for it."""
    collected, usage = completion_store.Collected(1), None
    with closing(engine.chat_pieces(asked)) as pieces:
        for piece in pieces:
            if piece.get("usage") and not piece["choices"]:
                usage = piece["usage"]
            for choice in piece["choices"]:
                collected.add(_delta(choice, top, is_first=collected.is_new(choice["index"])))
            if has_left():
                raise ApiError(CLIENT_LEFT, "the client has left")
    return collected.choices()[0], usage or {"prompt_tokens": 0, "completion_tokens": 0}


def _logprobs(found: Mapping[str, Any] | None, top: int) -> dict[str, Any] | None:
    if not found or not found.get("content"):
        return None
    return {"content": [_token(token, top) for token in found["content"]], "refusal": None}


def _token(token: Mapping[str, Any], top: int) -> dict[str, Any]:
    def plain(each: Mapping[str, Any]) -> dict[str, Any]:
        return {name: each.get(name) for name in ("token", "logprob", "bytes")}

    return {**plain(token), "top_logprobs": [plain(other) for other in token.get("top_logprobs", [])[:top]]}


def _usage(parts: list[Mapping[str, Any]]) -> dict[str, int]:
    prompt = parts[0]["prompt_tokens"] if parts else 0
    completion = sum(part["completion_tokens"] for part in parts)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _streamed(server: Context, project: str, served: Served, body: ChatRequest) -> StreamingResponse:
    """The answer as server-sent events. The first chunk is made before the headers go, so that errors have a status."""
    chunks = _chunks(server, project, served, body)
    first = next(chunks)

    def events() -> Generator[str, None, None]:
        try:
            yield _event(first)
            for chunk in chunks:
                yield _event(chunk)
        except FineTuningError as error:  # too late for a status
            yield _event({"error": api_errors.body(500, str(error))})
            return
        except Exception:  # noqa: BLE001 - the status is sent; the reader is told, the log has the traceback
            _log.exception("a streamed answer failed")
            yield _event(
                {"error": api_errors.body(500, "The server had an error while it answered; its log says more.")}
            )
            return
        finally:
            chunks.close()
        yield "data: [DONE]\n\n"

    return _EventStream(events())


class _EventStream(StreamingResponse):
    """Server-sent events; when the reader leaves, the model is stopped at once."""

    def __init__(self, events: Generator[str, None, None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._events.close)


def _event(chunk: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def _chunks(server: Context, project: str, served: Served, body: ChatRequest) -> Generator[dict[str, Any], None, None]:
    head = _head(body, "chat.completion.chunk")
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    unknown = {"usage": None} if with_usage else {}
    collected = completion_store.Collected(body.n or 1)
    usages: list[Mapping[str, Any]] = []
    with server.engines.use(served) as engine:
        asked = body.for_engine() | ({"n": body.n} if (body.n or 1) > 1 else {})
        with closing(engine.chat_pieces(asked)) as pieces:
            for piece in pieces:
                if piece.get("usage") and not piece["choices"]:
                    usages.append(piece["usage"])
                for choice in piece["choices"]:
                    shown = _delta(choice, body.top_logprobs or 0, is_first=collected.is_new(choice["index"]))
                    collected.add(shown)
                    yield {**head, "choices": [shown], **unknown}
    if with_usage:
        yield {**head, "choices": [], "usage": _usage(usages)}
    if body.store:
        whole = {**head, "object": "chat.completion", "choices": collected.choices(), "usage": _usage(usages)}
        completion_store.keep(server, project, body, whole)


def _delta(choice: Mapping[str, Any], top: int, *, is_first: bool) -> dict[str, Any]:
    """A chunk's choice; the first one says the role, which llama.cpp sometimes leaves out."""
    delta = {name: value for name, value in choice["delta"].items() if name in {"content", "tool_calls"}}
    if is_first:
        delta = {"role": "assistant", **delta, "content": delta.get("content") or ""}
    return {
        "index": choice["index"],
        "delta": delta,
        "logprobs": _logprobs(choice.get("logprobs"), top),
        "finish_reason": choice.get("finish_reason"),
    }
