"""A model where it answers: one name at different hosts is not one model, and has not one price."""

from __future__ import annotations

import re
from typing import NamedTuple

from fine_tuning._util.model_names import is_fine_tuned
from fine_tuning._util.providers import (
    billed_by_name,
    is_provider,
    provider_of_host,
    provider_of_prefix,
    without_provider,
)
from fine_tuning._util.same_model import is_same
from fine_tuning.costs.answering_host import LOCAL
from fine_tuning.costs.own_prices import address_of

_ADDRESS = re.compile(
    r"(?:https?://)?(?P<host>localhost|[\w-]+(?:\.[\w-]+)*:\d+|[\w-]+(?:\.[\w-]+)+|\[[0-9a-f:]+\](?::\d+)?)/"
)


class HostedModel(NamedTuple):
    """A model's name, and the host: a provider's id, an address (with its port), "local", or None where unknown."""

    model: str
    host: str | None

    @property
    def name(self) -> str:
        """The name that says the host where it is no public provider's, as in FINE_TUNING_PRICES."""
        return f"{self.host}/{self.model}" if self.is_private else self.model

    @property
    def is_private(self) -> bool:
        """Whether it answers on this machine or at an address of which nothing is published."""
        return self.host is not None and not is_provider(self.host)

    @property
    def is_fine_tuned(self) -> bool:
        """Whether the name is one that is never given to another model (`ft:...`)."""
        return is_fine_tuned(without_provider(self.model))

    def is_same(self, other: HostedModel) -> bool:
        """Whether both may be one model: routers and clouds serve a vendor's own, another host may serve anything."""
        if not is_same(self.model, other.model):
            return False
        if self.is_fine_tuned:
            return True
        if self.is_private and other.is_private:
            return self.is_at(other)
        if self.is_private or other.is_private:
            plain = other if self.is_private else self
            return plain.host is None and not is_vendors(plain.model)
        return True

    def is_at(self, other: HostedModel) -> bool:
        """Whether both have the same host; an address without its port is of any port."""
        if self.host is None or other.host is None or self.host == other.host:
            return self.host == other.host
        one, two = (each.rpartition(":") for each in (self.host, other.host))
        return (not one[0] and one[2] == two[0]) or (not two[0] and two[2] == one[0])


def read(name: str, provider: object = None) -> HostedModel:
    """A model by its name, which may say its host (`localhost:8000/gpt-4o`), and by what was noted as its provider."""
    if (match := _ADDRESS.match(name)) is not None:
        return HostedModel(name[match.end() :], provider_of_host(f"https://{match['host']}/") or match["host"])
    prefix, _, rest = name.partition("/")
    if rest and prefix == LOCAL:
        return HostedModel(rest, LOCAL)
    if isinstance(provider, str) and provider:
        return HostedModel(name, _host(provider))
    return HostedModel(name, provider_of_prefix(prefix) if rest else None)


def is_vendors(name: str) -> bool:
    """Whether a name alone says who bills it, so that it is not another host's."""
    return billed_by_name(name).provider is not None


def _host(provider: str) -> str:
    if "://" in provider:
        return provider_of_host(provider) or address_of(provider)
    return provider_of_prefix(provider) or provider
