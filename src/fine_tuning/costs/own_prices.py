"""The user's own prices (FINE_TUNING_PRICES): of a model, of a model at one host, or of all models of a host.

| key | of |
|---|---|
| `localhost:8000/gpt-4o`, `azure/gpt-4o` | a model at a host (its address, or its provider's id) |
| `localhost:8000/*`, `azure/*` | every model there |
| `gpt-4o` | a model, whoever serves it |

Case does not matter, and a provider may be called as routers and clouds call it (`bedrock/*`, `vertex_ai/*`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from fine_tuning._util.model_names import base_model_of, is_fine_tuned, parse_checkpoint_name
from fine_tuning._util.providers import provider_of_prefix
from fine_tuning._util.same_model import shorter_names
from fine_tuning.costs.published_prices import STANDARD_TIERS, CallPrice
from fine_tuning.costs.token_costs import cost_of
from fine_tuning.data_io.usage import Usage
from fine_tuning.settings import Price, TokenPrice


class OwnPrices:
    """Finds the price of a model that fits best."""

    def __init__(self, own: Mapping[str, Price]) -> None:
        """Take the setting `prices`; an address may be written with its scheme."""
        self._own = {_without_scheme(key): price for key, price in own.items()}
        self._found_by = {_folded(key): price for key, price in self._own.items()}

    def all(self) -> Mapping[str, Price]:
        """Every price by its key."""
        return self._own

    def of_model(self, names: list[str], scopes: list[str]) -> Iterator[Price]:
        """The prices that apply, the most specific first.

        Args:
            names: of the model, the best first.
            scopes: addresses of the host and the id of its provider, the best first.
        """
        keys = [f"{scope}/{name}" for scope in scopes for name in names]
        keys += [*(f"{scope}/*" for scope in scopes), *names]
        for key in dict.fromkeys(map(_folded, keys)):
            if key in self._found_by:
                yield self._found_by[key]


def priced(price: Price, model: str, usage: Usage) -> CallPrice:
    """What a call costs by a price of the user's own."""
    tier = usage.get("service_tier", "").lower()
    of_tier: TokenPrice | None = price
    if tier not in STANDARD_TIERS:
        of_tier = {"batch": price.batch, "flex": price.flex, "priority": price.priority}.get(tier)
    missing = f"FINE_TUNING_PRICES has no price of {model}"
    if of_tier is None:
        return CallPrice(None, f"{missing} in the service tier {tier}")
    usd = cost_of(of_tier, usage)
    if usd is None:
        return CallPrice(None, f"{missing} for both input and output")
    is_assumed = usage.get("cached_tokens") and of_tier.cached_input is None
    note = f"assumed: cached tokens of {model} cost what input costs, for FINE_TUNING_PRICES has no cached_input"
    return CallPrice(usd, note if is_assumed else None)


def has_call_price(price: Price) -> bool:
    """Whether it prices calls, and not only training."""
    return any((price.input is not None, price.output is not None, price.batch, price.flex, price.priority))


def names_of(model: str) -> list[str]:
    """The names to look a model up by: its own, its base's, and those without prefix, cloud's version and date."""
    return list(dict.fromkeys(name for each in (model, model.rpartition("/")[2]) for name in _names(each)))


def call_names_of(model: str) -> list[str]:
    """As `names_of`, for calls: a fine-tuned model costs more than its base, and only its own name counts."""
    plain = model if is_fine_tuned(model) else model.rpartition("/")[2]
    if not is_fine_tuned(plain):
        return names_of(model)
    checkpoint = parse_checkpoint_name(plain)
    return list(dict.fromkeys([model, plain, *([checkpoint[0]] if checkpoint else [])]))


def scopes_of(host: str | None, provider: str | None) -> list[str]:
    """The names of a host in keys: its address from the longest to the host name alone, and its provider."""
    found: list[str] = []
    if host is not None:
        address = address_of(host)
        found = [f"{address}{urlsplit(host).path}".rstrip("/"), address, urlsplit(host).hostname or ""]
    return list(dict.fromkeys([*found, *([provider] if provider else [])]))


def address_of(host: str) -> str:
    """The name of a host, with its port where it has one."""
    parts = urlsplit(host)
    name = parts.hostname or ""
    return f"{name}:{parts.port}" if parts.port else name


def _names(model: str) -> list[str]:
    return [model, *shorter_names(base_model_of(model))]


def _folded(key: str) -> str:
    """A key as it is looked up: in lower case, and with the provider's id."""
    host, slash, model = key.lower().partition("/")
    every = "*" if slash else ""  # as where only the host is written
    return f"{provider_of_prefix(host) or host}{slash}{model or every}"


def _without_scheme(key: str) -> str:
    scheme, separator, rest = key.partition("://")
    return rest if separator and scheme.lower() in {"http", "https"} else key
