"""Text completions as the API returns them, made from the chunks of engines and the scores of prompts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Iterable
from typing import Literal, NotRequired, TypedDict

from openai.types import CompletionUsage
from pydantic import BaseModel

from fine_tuning.serving.chat_types import TokenLogprob, Usage, usage
from fine_tuning.serving.prompt_scorer import ScoredPrompt
from fine_tuning.serving.text_types import TextChoice
from fine_tuning.serving.token_texts import shown
from fine_tuning.serving.wires.chat_objects import FINGERPRINT


class TextLogprobs(TypedDict):
    """The log probabilities of the tokens of a text; the first token of a prompt has none."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class TextPiece(TypedDict):
    """A choice, or a piece of one."""

    text: str
    index: int
    logprobs: TextLogprobs | None
    finish_reason: str | None


class TextCompletion(TypedDict):
    """A completion; a chunk of one has the same form."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextPiece]
    usage: NotRequired[Usage | None]


class LogprobsSchema(BaseModel):
    """Log probabilities for the API's documentation, which cannot read TypedDicts on Python 3.11."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class ChoiceSchema(BaseModel):
    """A choice for the API's documentation."""

    text: str
    index: int
    logprobs: LogprobsSchema | None
    finish_reason: Literal["stop", "length"]


class TextCompletionSchema(BaseModel):
    """A completion for the API's documentation."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChoiceSchema]
    usage: CompletionUsage


def head(model: str) -> TextCompletion:
    """A new id, the time and the model, without choices."""
    return {
        "id": f"cmpl-{uuid.uuid4().hex}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": FINGERPRINT,
        "choices": [],
    }


def joined(pieces: Iterable[TextPiece], count: int) -> list[TextPiece]:
    """The choices of pieces.

    Args:
        count: how many choices there are.
    """
    choices: list[TextPiece] = [
        {"text": "", "index": index, "logprobs": None, "finish_reason": None} for index in range(count)
    ]
    for piece in pieces:
        choice = choices[piece["index"]]
        choice["text"] += piece["text"]
        choice["finish_reason"] = piece["finish_reason"] or choice["finish_reason"]
        if (added := piece["logprobs"]) is None:
            continue
        if (found := choice["logprobs"]) is None:
            found = choice["logprobs"] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        found["tokens"] += added["tokens"]
        found["token_logprobs"] += added["token_logprobs"]
        found["top_logprobs"] += added["top_logprobs"]
        found["text_offset"] += added["text_offset"]
    return choices


def echoed(index: int, text: str, scored: ScoredPrompt | None) -> TextPiece:
    """A prompt as the first piece of a choice."""
    logprobs: TextLogprobs | None = None
    if scored is not None:
        logprobs = {
            "tokens": scored.tokens,
            "token_logprobs": scored.logprobs,
            "top_logprobs": scored.top,
            "text_offset": scored.offsets,
        }
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": None}


def scored_answer(index: int, scored: ScoredPrompt, limit: int) -> TextPiece:
    """The rest of a choice after its prompt: nothing, or the likeliest token."""
    if limit == 0:
        return {"text": "", "index": index, "logprobs": None, "finish_reason": "length"}
    likeliest = scored.next
    logprobs: TextLogprobs = {
        "tokens": [likeliest.token],
        "token_logprobs": [likeliest.logprob],
        "top_logprobs": [likeliest.top],
        "text_offset": [len(scored.text)],
    }
    reason = "stop" if likeliest.is_end else "length"
    return {"text": likeliest.text, "index": index, "logprobs": logprobs, "finish_reason": reason}


def scored_usage(scored: Iterable[ScoredPrompt], choices_per_prompt: int, limit: int) -> Usage:
    """The usage of prompts that are scored only."""
    prompts = list(scored)
    return usage(sum(len(each.tokens) for each in prompts), len(prompts) * choices_per_prompt * limit)


class OffsetCounter:
    """Writes the pieces of engines as pieces of the API, with the offsets of their tokens.

    Args:
        starts: characters before the answer of each choice.
        top: how many of the likeliest tokens each place has; None for no log probabilities.
    """

    def __init__(self, starts: list[int], top: int | None) -> None:
        self._offsets, self._top = starts, top

    def pieces(self, choices: Iterable[TextChoice]) -> Generator[TextPiece, None, None]:
        """The pieces of a chunk."""
        for choice in choices:
            yield {
                "text": choice["text"],
                "index": choice["index"],
                "logprobs": None if self._top is None else self._logprobs(choice, self._top),
                "finish_reason": choice.get("finish_reason"),
            }
            self._offsets[choice["index"]] += len(choice["text"])

    def _logprobs(self, choice: TextChoice, top: int) -> TextLogprobs | None:
        tokens = (choice.get("logprobs") or {"content": None, "refusal": None})["content"] or []
        if not tokens:
            return None
        offsets, place = [], self._offsets[choice["index"]]
        for token in tokens:
            offsets.append(place)
            place += len(token["token"])
        return {
            "tokens": [_shown(token) for token in tokens],
            "token_logprobs": [token["logprob"] for token in tokens],
            "top_logprobs": [_top(token, top) for token in tokens],
            "text_offset": offsets,
        }


def _shown(token: TokenLogprob) -> str:
    raw = token.get("bytes")
    return token["token"] if raw is None else shown(bytes(raw))


def _top(token: TokenLogprob, top: int) -> dict[str, float]:
    """The likeliest tokens and the one that was sampled; of two that look alike the likelier."""
    found: dict[str, float] = {}
    for each in (*token.get("top_logprobs", [])[:top], token):
        found.setdefault(_shown(each), each["logprob"])
    return found
