"""What hosts charge. What has no known price is None, never free.

The user's own prices come first (FINE_TUNING_PRICES), then those of fine-tuned models, then genai-prices.
"""

from __future__ import annotations

from math import nan

from fine_tuning._util.encodings import encoding_of
from fine_tuning._util.model_names import base_model_of, is_fine_tuned, without_snapshot
from fine_tuning.settings import Price, get_settings

# US dollars per million tokens from OpenAI's price page: for supervised training, and for calls of fine-tuned models.
PUBLISHED_AS_OF = "2026-08"
FINE_TUNED = {
    "gpt-4.1": Price(training=25.00, input=3.00, output=12.00),
    "gpt-4.1-mini": Price(training=5.00, input=0.80, output=3.20),
    "gpt-4.1-nano": Price(training=1.50, input=0.20, output=0.80),
    "gpt-4o": Price(training=25.00, input=3.75, output=15.00),
    "gpt-4o-mini": Price(training=3.00, input=0.30, output=1.20),
    "gpt-3.5-turbo": Price(training=8.00, input=3.00, output=6.00),
    "davinci-002": Price(training=6.00, input=12.00, output=12.00),
    "babbage-002": Price(training=0.40, input=1.60, output=1.60),
}


def training_price(model: str, *, at_openai: bool = True) -> float:
    """US dollars per million training tokens of a base model (dated names too); nan where unknown.

    Args:
        at_openai: whether OpenAI trains it; other hosts have prices of their own, which only the user can know.
    """
    for name in _names(model):
        if (own := get_settings().prices.get(name)) is not None and own.training is not None:
            return own.training
    known = FINE_TUNED.get(without_snapshot(model)) if at_openai else None
    return nan if known is None or known.training is None else known.training


def training_prices() -> dict[str, float]:
    """US dollars per million training tokens by base model, the user's own among them."""
    known = {model: price.training for model, price in {**FINE_TUNED, **get_settings().prices}.items()}
    return {model: price for model, price in known.items() if price is not None}


def call_price(model: str, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
    """US dollars for one call; None where model or tokens are unknown."""
    if prompt_tokens is None or completion_tokens is None:
        return None
    if (price := _set_price(model)) is not None:
        if price.input is None or price.output is None:
            return None
        return (prompt_tokens * price.input + completion_tokens * price.output) / 1e6
    from genai_prices import Usage, calc_price  # a sixth of a second to import

    try:
        usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
        return float(calc_price(usage, model_ref=model).total_price)
    except LookupError:
        return None


def _set_price(model: str) -> Price | None:
    """The price of a call that the user has set, or of a fine-tuned model; None for genai-prices to say."""
    names = _names(model)
    for name in names if not is_fine_tuned(model) else names[:1]:  # a base's price is not its fine-tunes'
        if (own := get_settings().prices.get(name)) is not None and (own.input, own.output) != (None, None):
            return own
    return FINE_TUNED.get(names[-1]) if is_fine_tuned(model) else None


def _names(model: str) -> list[str]:
    """A model's own name, that of its base, and that without its date."""
    return list(dict.fromkeys([model, base_model_of(model), without_snapshot(model)]))


def text_price(model: str, prompt: str, response: str) -> float | None:
    """US dollars for a call with these texts, tokens counted by OpenAI's encoding; None for a model of another host."""
    encoding = encoding_of(model)
    if encoding is None:
        return None
    return call_price(model, *(len(encoding.encode_ordinary(text)) for text in (prompt, response)))
