"""Prices of model hosts. An unknown price is None or nan, never 0.

The user's own prices come first (FINE_TUNING_PRICES), then those of fine-tuned models, then genai-prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

from fine_tuning._util.encodings import encoding_of
from fine_tuning._util.model_names import base_model_of, is_fine_tuned, without_snapshot
from fine_tuning.settings import Price

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


class PriceList:
    """Prices of hosts, the user's own first. Wherever a price is not known, the result says so."""

    def __init__(self, own: Mapping[str, Price]) -> None:
        """Take the user's own prices by model name: the setting `prices`."""
        self._own = own

    def training_price(self, model: str, *, at_openai: bool = True) -> float:
        """US dollars per million training tokens of a base model (dated names too); nan where unknown.

        Args:
            at_openai: whether OpenAI trains it; the prices of other hosts are known only from the user.
        """
        for name in _names(model):
            if (own := self._own.get(name)) is not None and own.training is not None:
                return own.training
        known = FINE_TUNED.get(without_snapshot(model)) if at_openai else None
        return nan if known is None or known.training is None else known.training

    def training_prices(self) -> dict[str, float]:
        """US dollars per million training tokens by base model, the user's own included."""
        known = {model: price.training for model, price in {**FINE_TUNED, **self._own}.items()}
        return {model: price for model, price in known.items() if price is not None}

    def call_price(self, model: str, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
        """US dollars for one call; None where model or tokens are unknown."""
        if prompt_tokens is None or completion_tokens is None:
            return None
        if (price := self._token_price(model)) is not None:
            if price.input is None or price.output is None:
                return None
            return (prompt_tokens * price.input + completion_tokens * price.output) / 1e6
        from genai_prices import Usage, calc_price  # takes 0.16 s to import

        try:
            usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
            return float(calc_price(usage, model_ref=model).total_price)
        except LookupError:
            return None

    def text_price(self, model: str, prompt: str, response: str) -> float | None:
        """US dollars for a call with these texts, tokens counted by OpenAI's encoding; None for models without one."""
        encoding = encoding_of(model)
        if encoding is None:
            return None
        return self.call_price(model, *(len(encoding.encode_ordinary(text)) for text in (prompt, response)))

    def _token_price(self, model: str) -> Price | None:
        """The user's price of a call, or that of a fine-tuned model; None to look it up in genai-prices."""
        names = _names(model)
        for name in names if not is_fine_tuned(model) else names[:1]:  # fine-tunes cost more than their base
            if (own := self._own.get(name)) is not None and (own.input, own.output) != (None, None):
                return own
        return FINE_TUNED.get(names[-1]) if is_fine_tuned(model) else None


def _names(model: str) -> list[str]:
    """The names to look a model up by: its own, its base's, and that without the date."""
    return list(dict.fromkeys([model, base_model_of(model), without_snapshot(model)]))
