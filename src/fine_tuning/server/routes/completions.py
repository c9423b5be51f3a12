"""Text completions, complete and streamed: prompts are continued as they are, without a chat template."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.responses import JSONResponse, StreamingResponse

from fine_tuning.errors import UsageError
from fine_tuning.server import model_lookup
from fine_tuning.server import text_completion_objects as objects
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.client_disconnect import ClientDisconnected, check_connected
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.loaded_models import Served
from fine_tuning.server.sse_stream import STREAMED, event_stream
from fine_tuning.server.text_completion_objects import OffsetCounter, TextCompletion, TextPiece
from fine_tuning.server.text_completion_request import TextCompletionRequest
from fine_tuning.server.token_bias import begun, check_bias, check_prompts
from fine_tuning.serving.chat_types import Usage, summed, usage
from fine_tuning.serving.interruption import Check
from fine_tuning.serving.prompt_scorer import ScoredPrompt
from fine_tuning.serving.token_texts import text_of_ids

router = APIRouter(prefix="/completions", route_class=JsonRoute, tags=["Completions"])


class _Prompts(NamedTuple):
    """What is known of the prompts: their texts, where they are needed, and their scores."""

    texts: list[str]
    scored: Sequence[ScoredPrompt] | None


@router.post("", response_model=None, responses={200: {"model": objects.TextCompletionSchema, **STREAMED}})
def create(
    server: Server, project: Project, body: TextCompletionRequest, client_disconnected: ClientDisconnected
) -> StreamingResponse | JSONResponse:
    """Continue texts."""
    body.check()
    served = model_lookup.find(server, project, body.model)
    check = partial(check_connected, client_disconnected)
    check_bias(server, served, body.logit_bias, check)
    check_prompts(server, served, body.prompt, check)
    body.prompt = begun(server, served, body.prompt, check)
    if body.stream:
        return event_stream(_chunks(server, served, body, check))
    counts = usage(0, 0)

    def pieces() -> Generator[TextPiece, None, None]:
        nonlocal counts
        with closing(_answer(server, served, body, check)) as parts:
            for part in parts:
                check()
                if isinstance(part, list):
                    yield from part
                else:
                    counts = part

    choices = objects.joined(pieces(), len(body.prompt) * body.choices_per_prompt)
    return JSONResponse({**objects.head(body.model), "choices": choices, "usage": counts})


def _chunks(
    server: Context, served: Served, body: TextCompletionRequest, check: Check
) -> Generator[TextCompletion, None, None]:
    start = objects.head(body.model)
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    with closing(_answer(server, served, body, check)) as parts:
        for part in parts:
            check()
            if not isinstance(part, list):
                if with_usage:
                    yield {**start, "usage": part}
                continue
            for piece in part:
                chunk: TextCompletion = {**start, "choices": [piece]}
                yield {**chunk, "usage": None} if with_usage else chunk


def _answer(
    server: Context, served: Served, body: TextCompletionRequest, check: Check
) -> Generator[list[TextPiece] | Usage, None, None]:
    """The pieces of all choices, and last the usage."""
    prompts, count = _prompts(server, served, body, check), body.choices_per_prompt
    indices = range(len(body.prompt) * count)
    if body.echo:
        scores: Sequence[ScoredPrompt | None] = prompts.scored or [None] * len(body.prompt)
        yield [objects.echoed(index, prompts.texts[index // count], scores[index // count]) for index in indices]
    if prompts.scored is not None and body.is_scored_only:
        yield [objects.scored_answer(index, prompts.scored[index // count], body.limit) for index in indices]
        yield objects.scored_usage(prompts.scored, count, body.limit)
        return
    counter = OffsetCounter([len(prompts.texts[index // count]) for index in indices], body.logprobs)
    with server.engines.use(served, check) as engine, closing(engine.text_chunks(body.engine_request())) as chunks:
        for chunk in chunks:
            if reported := chunk.get("usage"):
                yield summed([reported] if body.limit else [], [reported])
            elif body.limit:
                yield list(counter.pieces(chunk["choices"]))
            else:  # a token was generated to count those of the prompt
                yield [
                    {"text": "", "index": choice["index"], "logprobs": None, "finish_reason": choice["finish_reason"]}
                    for choice in chunk["choices"]
                    if choice.get("finish_reason")
                ]


@contextmanager
def _refused_echo() -> Iterator[None]:
    """Name the parameter that a model does not support."""
    try:
        yield
    except UsageError as error:
        raise invalid(f"echo is not supported here: {error}", "echo", "unsupported_value") from None


def _prompts(server: Context, served: Served, body: TextCompletionRequest, check: Check) -> _Prompts:
    """Score the prompts where their log probabilities are asked for, else find their texts.

    Without echo the text of token ids is not needed: offsets are then those in the answer.
    """
    if not body.echo:
        return _Prompts([prompt if isinstance(prompt, str) else "" for prompt in body.prompt], None)
    if body.logprobs is not None:
        with _refused_echo(), server.engines.use_scorer(served, check) as scorer:
            scored = scorer.score(body.prompt, body.logprobs, check)
        return _Prompts([each.text for each in scored], scored)
    texts = []
    for prompt in body.prompt:
        if isinstance(prompt, str):
            texts.append(prompt)
        else:
            with _refused_echo():
                texts.append(text_of_ids(server.engines.folder_of(served, check), prompt))
    return _Prompts(texts, None)
