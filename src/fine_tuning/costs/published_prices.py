"""Published prices of calls: of models fine-tuned at OpenAI as listed here, of all others by genai-prices."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from fine_tuning._util.model_names import is_fine_tuned, without_snapshot
from fine_tuning._util.providers import OPENAI, Billed
from fine_tuning.costs.token_costs import cost_of
from fine_tuning.data_io.usage import Usage
from fine_tuning.settings import Price

# US dollars per million tokens from OpenAI's price page: for supervised training, and for calls of fine-tuned models.
PUBLISHED_AS_OF = "2026-08"
FINE_TUNED = {
    "gpt-4.1": Price(training=25.00, input=3.00, cached_input=0.75, output=12.00),
    "gpt-4.1-mini": Price(training=5.00, input=0.80, cached_input=0.20, output=3.20),
    "gpt-4.1-nano": Price(training=1.50, input=0.20, cached_input=0.05, output=0.80),
    "gpt-4o": Price(training=25.00, input=3.75, cached_input=1.875, output=15.00),
    "gpt-4o-mini": Price(training=3.00, input=0.30, cached_input=0.15, output=1.20),
    "gpt-3.5-turbo": Price(training=8.00, input=3.00, output=6.00),
    "davinci-002": Price(training=6.00, input=12.00, output=12.00),
    "babbage-002": Price(training=0.40, input=1.60, output=1.60),
}
STANDARD_TIERS = frozenset({"", "auto", "default", "standard", "standard_only", "on_demand"})
# https://developers.openai.com/api/docs/guides/flex-processing: flex costs what batches cost, half the standard price,
# with the discount for cached input. Of the models that the price page lists for it.
_FLEX = re.compile(r"(o3|o4-mini|gpt-5(\.\d+)?(-mini|-nano)?)")
_GPT_5 = re.compile(r"gpt-5\b.*")
_NO_BATCH = re.compile(r".*(audio|realtime|search|chat-latest|4o-latest|transcribe|tts).*")
_HALF = 0.5
# As genai-prices names them, too.
_PRICED_APART = ("cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens")
_ONE_PRICE = "google"  # whose models without a price of audio have one price for all kinds of input


class CallPrice(NamedTuple):
    """US dollars of a call, and what they assume; None where unknown, and why."""

    usd: float | None
    note: str | None = None


def published(billed: Billed, usage: Usage, at: datetime | None = None) -> CallPrice:
    """The published price of a call whose tokens are known.

    Args:
        at: when it was made; now by default.
    """
    provider, model = billed.provider, billed.model
    tier = usage.get("service_tier", "").lower()
    if provider is None:
        return CallPrice(None, f"no published price of {model} applies")
    if tier in STANDARD_TIERS:
        return _standard(billed, usage, at)
    is_half, base = False, without_snapshot(model)
    charged = usage
    if provider == OPENAI and not is_fine_tuned(model):
        is_half = bool(_FLEX.fullmatch(base)) if tier == "flex" else tier == "batch" and not _NO_BATCH.fullmatch(base)
        if tier == "batch" and not _GPT_5.fullmatch(base):  # batches of earlier models have no discount for a cache
            charged = {**usage, "cached_tokens": 0}
    elif provider == "anthropic":
        is_half = (
            tier == "batch"
        )  # of all tokens, https://docs.anthropic.com/en/docs/build-with-claude/batch-processing
    if not is_half:
        return CallPrice(None, f"no price of {model} in the service tier {tier} is known here")
    usd, note = _standard(billed, charged, at)
    if charged is not usage and usage.get("cached_tokens"):
        note = "; ".join([*([note] if note else []), f"assumed: batches of {model} have no discount for cached tokens"])
    return CallPrice(usd if usd is None else usd * _HALF, note)


def _standard(billed: Billed, usage: Usage, at: datetime | None) -> CallPrice:
    if billed.provider == OPENAI and is_fine_tuned(billed.model):
        price = FINE_TUNED.get(without_snapshot(billed.model))
        usd = None if price is None else cost_of(price, usage)
        return _noted(usd, billed)
    return _noted(_listed(billed, usage, at), billed)


def _noted(usd: float | None, billed: Billed) -> CallPrice:
    if usd is None:
        return CallPrice(None, f"{billed.provider} publishes no price of {billed.model} that is known here")
    return CallPrice(usd, None if billed.assumed is None else f"assumed: {billed.assumed}")


def _listed(billed: Billed, usage: Usage, at: datetime | None) -> float | None:
    """The price by genai-prices; None where its list lacks the model, or has it without prices."""
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price  # takes 0.16 s to import

    if billed.provider == OPENAI and billed.model.lower().startswith("gpt-oss"):
        return None  # open weights, which OpenAI does not serve
    parts = {name: count for name in _PRICED_APART if isinstance(count := usage.get(name), int) and count}
    tokens = Tokens(
        input_tokens=usage["prompt_tokens"],
        cache_read_tokens=usage.get("cached_tokens", 0),
        cache_write_tokens=usage.get("cache_write_tokens", 0),
        output_tokens=usage["completion_tokens"],
        **parts,
    )
    try:
        found = calc_price(tokens, model_ref=billed.model, provider_id=billed.provider, genai_request_timestamp=at)
    except (LookupError, ValueError):  # unknown, or more cached tokens than tokens
        return None
    prices = found.model_price
    if prices.input_mtok is None and prices.output_mtok is None:
        return None
    audio = (("input_audio_tokens", prices.input_audio_mtok), ("output_audio_tokens", prices.output_audio_mtok))
    if billed.provider != _ONE_PRICE and any(name in parts and usd is None for name, usd in audio):
        return None  # as text it would be far too cheap
    return float(found.total_price)
