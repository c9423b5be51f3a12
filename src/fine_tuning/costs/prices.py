"""Prices of model hosts, by provider and model. An unknown price is None or nan, never 0.

The user's own prices come first (FINE_TUNING_PRICES), then those of models fine-tuned at OpenAI, then genai-prices. A
host without published prices, such as a local one, has none, whatever it calls its models.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import nan

from fine_tuning._util import providers
from fine_tuning._util.encodings import encoding_of
from fine_tuning._util.model_names import without_snapshot
from fine_tuning._util.providers import OPENAI, Billed, without_provider
from fine_tuning.costs import own_prices, published_prices
from fine_tuning.costs.own_prices import OwnPrices
from fine_tuning.costs.published_prices import FINE_TUNED, CallPrice
from fine_tuning.costs.token_costs import is_countable
from fine_tuning.data_io.usage import Usage
from fine_tuning.settings import Price

_SAYS_WHAT_IT_CHARGED = {"openrouter"}  # with each answer


class PriceList:
    """Prices of hosts, the user's own first. Wherever a price is not known, the result says so."""

    def __init__(self, own: Mapping[str, Price]) -> None:
        """Take the user's own prices: the setting `prices`."""
        self._own = OwnPrices(own)

    def training_price(self, model: str, host: str | None = None) -> float:
        """US dollars per million training tokens of a base model (dated names too); nan where unknown.

        Args:
            host: address of whoever trains it; OpenAI by default.
        """
        billed = Billed(OPENAI, model.removeprefix("openai/")) if host is None else self._billed(model, host)
        names = own_prices.names_of(model)
        for price in self._own.of_model(names, own_prices.scopes_of(host, billed.provider)):
            if price.training is not None:
                return price.training
        known = FINE_TUNED.get(without_snapshot(billed.model)) if billed.provider == OPENAI else None
        return nan if known is None or known.training is None else known.training

    def training_prices(self) -> dict[str, float]:
        """US dollars per million training tokens by base model, the user's own included."""
        found = {model: price.training for model, price in FINE_TUNED.items()}
        own = self._own.all().items()
        found |= {key: each.training for key, each in own if each.training is not None and not key.endswith("/*")}
        return {model: price for model, price in found.items() if price is not None}

    def price_of(self, model: str, usage: Usage, host: str | None = None, at: datetime | None = None) -> CallPrice:
        """US dollars of a call, and what they assume; None where model or tokens are unknown, and why.

        Args:
            model: as the host names it.
            host: address that answered; None where only the name is known, as of a logged call: then the model is
                taken to be billed by the provider that its name says.
            at: when the call was made; now by default.
        """
        if not is_countable(usage):
            is_missing = usage["prompt_tokens"] is None or usage["completion_tokens"] is None
            return CallPrice(None, "the host reports no tokens" if is_missing else "the host reports impossible tokens")
        billed = self._billed(model, host)
        scopes = own_prices.scopes_of(host, billed.provider)
        for price in self._own.of_model(_call_names(model, billed.model), scopes):
            if own_prices.has_call_price(price):
                return own_prices.priced(price, model, usage)
        if billed.provider is None:
            return CallPrice(None, _unknown_host(model, host))
        if billed.provider in _SAYS_WHAT_IT_CHARGED and (charged := usage.get("charged_usd")) is not None:
            return CallPrice(charged, None)
        return published_prices.published(billed, usage, at)

    def call_price(
        self, model: str, prompt_tokens: int | None, completion_tokens: int | None, host: str | None = None
    ) -> float | None:
        """As `price_of`, of a call without cached tokens in the standard tier."""
        return self.price_of(model, {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}, host).usd

    def text_price(self, model: str, prompt: str, response: str, host: str | None = None) -> CallPrice:
        """As `price_of`, of a call with these texts, tokens counted by OpenAI's encoding; None for models without one.

        Args:
            host: address that answered, or "local", which has no price of tokens but the user's own.
        """
        encoding = encoding_of(without_provider(model))
        if encoding is None:
            return CallPrice(None, f"the tokens of {model} cannot be counted here")
        prompt_tokens, response_tokens = (len(encoding.encode_ordinary(text)) for text in (prompt, response))
        return self.price_of(model, {"prompt_tokens": prompt_tokens, "completion_tokens": response_tokens}, host)

    def _billed(self, model: str, host: str | None) -> Billed:
        """Who bills the model: whom the user names for it or for its host, else whose address it is."""
        provider = None if host is None else providers.provider_of_host(host)
        names = own_prices.call_names_of(model)
        for price in self._own.of_model(names, own_prices.scopes_of(host, provider)):
            if price.provider is not None:
                return providers.billed_at(price.provider, model)
        if host is None:
            return providers.billed_by_name(model)
        return Billed(None, model) if provider is None else providers.billed_at(provider, model)


def _call_names(model: str, billed_as: str) -> list[str]:
    return list(dict.fromkeys([*own_prices.call_names_of(model), *own_prices.call_names_of(billed_as)]))


def _unknown_host(model: str, host: str | None) -> str:
    if host is None:
        return f"the name {model} does not say who bills it; set its price with FINE_TUNING_PRICES"
    scope = own_prices.address_of(host)
    return (
        f"{scope} has no published prices; set them with FINE_TUNING_PRICES, "
        f'as {{"{scope}/*": {{"input": 0.5, "output": 1.5}}}} or {{"{scope}/*": {{"provider": "openai"}}}}'
    )
