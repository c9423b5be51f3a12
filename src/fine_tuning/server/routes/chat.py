"""Chat completions, whole and streamed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from anyio import CancelScope
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from openai.types.chat import ChatCompletion
from starlette.types import Receive, Scope, Send

from fine_tuning.errors import FineTuningError
from fine_tuning.server import errors, models, stored
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.engines import Served
from fine_tuning.serving.engine import Engine

router = APIRouter(prefix="/chat/completions", tags=["Chat"])
FINGERPRINT = "fp_fine_tuning"


@router.post("", response_model=ChatCompletion, response_model_exclude_unset=True)
def create(server: Server, project: Project, body: ChatRequest) -> Any:
    """Answer a conversation."""
    body.check()
    served = models.find(server, project, body.model)
    if body.stream:
        return _streamed(server, project, served, body)
    with server.engines.use(served) as engine:
        answer = _head(body, "chat.completion") | _answers(engine, body)
    if body.store:
        stored.keep(server, project, body, answer)
    return answer


def _head(body: ChatRequest, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": body.model,
        "system_fingerprint": FINGERPRINT,
    }


def _answers(engine: Engine, body: ChatRequest) -> dict[str, Any]:
    """Choices and exact usage. Several choices are several requests, since engines count only one choice's tokens."""
    asked = body.for_engine()
    if (body.n or 1) == 1:
        replies = [engine.chat(asked)]
    else:
        requests = [asked | ({} if body.seed is None else {"seed": body.seed + index}) for index in range(body.n or 1)]
        with ThreadPoolExecutor(len(requests)) as pool:
            replies = list(pool.map(engine.chat, requests))
    choices = [_choice(reply["choices"][0], index) for index, reply in enumerate(replies)]
    return {"choices": choices, "usage": _usage([reply["usage"] for reply in replies])}


def _choice(choice: Mapping[str, Any], index: int) -> dict[str, Any]:
    message = choice["message"]
    calls = {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}
    text = message.get("content")
    return {
        "index": index,
        "message": {"role": "assistant", "content": text if text or not calls else None, "refusal": None, **calls},
        "logprobs": _logprobs(choice.get("logprobs")),
        "finish_reason": choice.get("finish_reason") or "stop",
    }


def _logprobs(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found or not found.get("content"):
        return None
    return {"content": [_token(token) for token in found["content"]], "refusal": None}


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    def plain(each: Mapping[str, Any]) -> dict[str, Any]:
        return {name: each.get(name) for name in ("token", "logprob", "bytes")}

    return {**plain(token), "top_logprobs": [plain(other) for other in token.get("top_logprobs", [])]}


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
            yield _event({"error": errors.body(500, str(error))})
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
    collected = stored.Collected(body.n or 1)
    usages: list[Mapping[str, Any]] = []
    with server.engines.use(served) as engine:
        asked = body.for_engine() | ({"n": body.n} if (body.n or 1) > 1 else {})
        pieces = engine.chat_pieces(asked)
        try:
            for piece in pieces:
                if piece.get("usage") and not piece["choices"]:
                    usages.append(piece["usage"])
                for choice in piece["choices"]:
                    shown = _delta(choice, is_first=collected.is_new(choice["index"]))
                    collected.add(shown)
                    yield {**head, "choices": [shown], **unknown}
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
    if with_usage:
        yield {**head, "choices": [], "usage": _usage(usages)}
    if body.store:
        whole = {**head, "object": "chat.completion", "choices": collected.choices(), "usage": _usage(usages)}
        stored.keep(server, project, body, whole)


def _delta(choice: Mapping[str, Any], *, is_first: bool) -> dict[str, Any]:
    """A chunk's choice; the first one says the role, which llama.cpp sometimes leaves out."""
    delta = {name: value for name, value in choice["delta"].items() if name in {"content", "tool_calls"}}
    if is_first:
        delta = {"role": "assistant", **delta, "content": delta.get("content") or ""}
    return {
        "index": choice["index"],
        "delta": delta,
        "logprobs": _logprobs(choice.get("logprobs")),
        "finish_reason": choice.get("finish_reason"),
    }
