"""The tokens of a call, read from any vendor's words into one form: that of OpenAI's chat API.

Vendors count differently: OpenAI's and Gemini's input includes what was read from a cache, Anthropic's and Bedrock's
does not; Gemini's output has no thoughts. Here the prompt includes all input, and the completion all output.
"""

from __future__ import annotations

from math import inf
from typing import NotRequired, TypedDict, TypeGuard, cast

from fine_tuning._util import checks
from fine_tuning.data_io.json_values import Row, as_number, is_list, is_object, object_or_empty

_PROMPT_KEYS = (
    *("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount", "prompt_token_count", "promptTokens"),
    "input",
)
_COMPLETION_KEYS = (
    *("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount", "candidates_token_count"),
    *("completionTokens", "output"),
)
_TOTAL_KEYS = ("total_tokens", "totalTokens", "totalTokenCount", "total_token_count", "total")
_APART = ("input_tokens", "inputTokens", "input")  # of vendors that count cached input beside it
_PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_COMPLETION_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
_CACHED_WITHIN = (
    *("cachedContentTokenCount", "cached_content_token_count", "cachedInputTokens", "prompt_cache_hit_tokens"),
    "cached_tokens",
)
_CACHED_APART = ("cache_read_input_tokens", "cacheReadInputTokens", "input_cached_tokens", "input_cache_read")
_WRITTEN_APART = (
    *("cache_creation_input_tokens", "cacheWriteInputTokens", "input_cache_creation", "input_cache_write"),
    "cache_write_input_tokens",
)
_THOUGHTS = ("thoughtsTokenCount", "thoughts_token_count", "output_reasoning_tokens")  # beside the output
_REASONING = ("reasoningTokens", "reasoning_tokens")
_OF_TOOLS = ("toolUsePromptTokenCount", "tool_use_prompt_token_count")  # of Gemini's, beside the prompt
_ANYWHERE = {"", "global", "not_available"}


class Usage(TypedDict):
    """Tokens of a call; None is unknown, an absent key was not reported.

    `prompt_tokens` includes `cached_tokens` (read from a cache), `cache_write_tokens` (with those that are kept for an
    hour) and `input_audio_tokens`; `completion_tokens` includes `reasoning_tokens` and `output_audio_tokens`. All of
    these have prices of their own. `service_tier` is as the vendor names it: default, flex, batch, priority, ..., or
    what else a call is paid for beside its tokens. `charged_usd` is what a router says that it has charged.
    """

    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: NotRequired[int]
    cache_write_tokens: NotRequired[int]
    cache_write_1h_tokens: NotRequired[int]
    reasoning_tokens: NotRequired[int]
    input_audio_tokens: NotRequired[int]
    output_audio_tokens: NotRequired[int]
    service_tier: NotRequired[str]
    charged_usd: NotRequired[float]


def usage_of(value: object, service_tier: object = None) -> Usage | None:
    """The tokens of a call in any vendor's words; None where there are none.

    Args:
        service_tier: as the response states it beside its usage (OpenAI); Anthropic's usage states its own.
    """
    if not is_object(value):
        return None
    prompt, completion = _first(value, _PROMPT_KEYS), _first(value, _COMPLETION_KEYS)
    prompt = _sum(prompt, _first(value, _OF_TOOLS) or 0)
    if prompt is None and completion is None:
        return None
    if completion is None and prompt == _first(value, _TOTAL_KEYS):
        completion = 0  # as of embeddings
    cached, written, beside = _cache(value, prompt, completion)
    prompt = _sum(prompt, beside)
    reasoning, thoughts = _reasoning(value, prompt, completion)
    found: Usage = {
        "prompt_tokens": prompt,
        "completion_tokens": _sum(completion, thoughts),
    }
    if cached:
        found["cached_tokens"] = cached
    if written:
        found["cache_write_tokens"] = written
    if hour := _first(object_or_empty(value.get("cache_creation")), ("ephemeral_1h_input_tokens",)):
        found["cache_write_1h_tokens"] = hour
    if reasoning:
        found["reasoning_tokens"] = reasoning
    if heard := _audio(value, _PROMPT_DETAILS, "promptTokensDetails"):
        found["input_audio_tokens"] = heard
    if audio := _audio(value, _COMPLETION_DETAILS, "candidatesTokensDetails"):
        found["output_audio_tokens"] = audio
    tier = _dearer(value) or service_tier or value.get("service_tier")
    if isinstance(tier, str) and tier:
        found["service_tier"] = tier
    if (charged := _charged(value)) is not None:
        found["charged_usd"] = charged
    return found


def _charged(value: Row) -> float | None:
    """US dollars as OpenRouter states them; what a call with the user's own key costs at its vendor is apart.

    Source: https://openrouter.ai/docs/guides/administration/usage-accounting
    """
    parts = [as_number(value.get("cost"))]
    if value.get("is_byok") is True:
        parts.append(as_number(object_or_empty(value.get("cost_details")).get("upstream_inference_cost")))
    known = [each for each in parts if each is not None and 0 <= each < inf]
    return sum(known) if len(known) == len(parts) else None


def _dearer(value: Row) -> str | None:
    """What makes a call of Anthropic's dearer than its tokens: its host's tools, speed, or where it is computed.

    Source: https://platform.claude.com/docs/en/about-claude/pricing
    """
    if any(_is_count(each) and each for each in object_or_empty(value.get("server_tool_use")).values()):
        return "server tools"
    if isinstance(speed := value.get("speed"), str) and speed != "standard":
        return speed
    place = value.get("inference_geo")
    return place if isinstance(place, str) and place not in _ANYWHERE else None


def usage_of_both(first: Usage | None, second: Usage | None) -> Usage | None:
    """The tokens of two calls for one answer; None, or a count of None, where either is unknown."""
    if first is None or second is None:
        return None
    counts: dict[str, object] = {**first, **second}
    for name in first.keys() & second.keys():
        one, other = first.get(name), second.get(name)
        if name == "charged_usd":
            counts[name] = first["charged_usd"] + second["charged_usd"]
        elif not isinstance(other, str):
            counts[name] = _sum(one, other) if isinstance(one, int) and isinstance(other, int) else None
    if ("charged_usd" in first) != ("charged_usd" in second):
        del counts["charged_usd"]
    return cast("Usage", counts)


def _cache(value: Row, prompt: int | None, completion: int | None) -> tuple[int, int, int]:
    """Tokens read from a cache and written to one, and how many of them the prompt does not count yet."""
    details = object_or_empty(next((value[key] for key in _PROMPT_DETAILS if value.get(key)), None))
    within = _first(details, ("cached_tokens", "cache_read")) or _first(value, _CACHED_WITHIN)
    written = _first(details, ("cache_write_tokens", "cache_creation")) or _first(value, ("cache_write_tokens",))
    if within is not None or written is not None:
        return within or 0, written or 0, 0
    read, stored = _first(value, _CACHED_APART) or 0, _first(value, _WRITTEN_APART) or 0
    total = _first(value, _TOTAL_KEYS)
    is_counted = total is not None and total == (prompt or 0) + (completion or 0)
    is_apart = next((key in _APART for key in _PROMPT_KEYS if _is_count(value.get(key))), False) and not is_counted
    return read, stored, read + stored if is_apart else 0


def _reasoning(value: Row, prompt: int | None, completion: int | None) -> tuple[int, int]:
    """Tokens of reasoning, and how many of them the completion does not count yet."""
    if (thoughts := _first(value, _THOUGHTS)) is not None:
        return thoughts, thoughts
    details = object_or_empty(next((value[key] for key in _COMPLETION_DETAILS if value.get(key)), None))
    reasoning = _first(details, ("reasoning_tokens", "reasoning")) or _first(value, _REASONING) or 0
    is_beside = _first(value, _TOTAL_KEYS) == (prompt or 0) + (completion or 0) + reasoning  # as xAI counts
    return reasoning, reasoning if is_beside else 0


def _audio(value: Row, details: tuple[str, ...], by_modality: str) -> int:
    """Tokens of audio: OpenAI counts them in an object, Gemini in a list of modalities."""
    counted = value.get(by_modality)
    given = counted if is_list(counted) else []
    listed = next((each for each in map(object_or_empty, given) if each.get("modality") == "AUDIO"), {})
    found = object_or_empty(next((value[key] for key in details if value.get(key)), None))
    return _first(listed, ("tokenCount",)) or _first(found, ("audio_tokens",)) or 0


def _sum(one: int | None, other: int) -> int | None:
    """A sum of counts; None where one is unknown, and where it is more than is kept: no call has that."""
    found = None if one is None else one + other
    return found if _is_count(found) else None


def _first(value: Row, keys: tuple[str, ...]) -> int | None:
    for key in keys:
        if key in value and _is_count(found := value[key]):
            return found
    return None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= checks.MAX_COUNT
