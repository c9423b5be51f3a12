"""Requests to continue prompts, and the chunks of their choices, as engines take and give them.

The names are those of https://platform.openai.com/docs/api-reference/completions; log probabilities have the newer form
of the chat API, which keeps the bytes of tokens.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any, Required, TypedDict, cast

from fine_tuning.serving.chat_types import Logprobs, TokenLogprob, Usage, summed

Prompt = str | list[int]


class TextBody(TypedDict, total=False):
    """Prompts to continue; `n` choices for each."""

    prompt: Required[list[Prompt]]
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repetition_penalty: float
    max_tokens: int
    n: int
    stop: str | list[str]
    seed: int
    presence_penalty: float
    frequency_penalty: float
    logit_bias: dict[str, float]
    logprobs: int


class TextChoice(TypedDict, total=False):
    """A piece of a choice; those of prompt p have the indices p * n to p * n + n - 1."""

    index: Required[int]
    text: Required[str]
    logprobs: Logprobs | None
    finish_reason: str | None


class TextChunk(TypedDict, total=False):
    """A chunk; the last one has no choices and the usage of all prompts."""

    choices: Required[list[TextChoice]]
    usage: Usage | None


def with_total_usage(chunks: Iterable[Mapping[str, Any]], choices_per_prompt: int) -> Generator[TextChunk, None, None]:
    """Chunks whose choices report their own usage, with the usage of all at the end; a prompt counts once."""
    answers: list[Usage] = []
    prompts: list[Usage] = []
    for chunk in chunks:
        choices = cast("list[TextChoice]", chunk["choices"])
        yield {"choices": choices}
        if (counts := chunk.get("usage")) is not None:
            answers.append(counts)
            prompts += [counts] if choices[0]["index"] % choices_per_prompt == 0 else []
    yield {"choices": [], "usage": summed(answers, prompts)}


def newer_logprobs(found: Mapping[str, Any] | None) -> Logprobs | None:
    """The log probabilities of a host's choice in the form of the chat API."""
    if not found or not found.get("tokens"):
        return None
    tops = found.get("top_logprobs") or [None] * len(found["tokens"])
    rows = zip(found["tokens"], found["token_logprobs"], tops, strict=True)
    return {"content": [_token(*row) for row in rows], "refusal": None}


def _token(token: str, logprob: float, tops: Mapping[str, float] | None) -> TokenLogprob:
    others: list[TokenLogprob] = [{"token": other, "logprob": value} for other, value in (tops or {}).items()]
    return {"token": token, "logprob": logprob, "top_logprobs": others}
