"""What a user states of the prices of models."""

from __future__ import annotations

import difflib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

UsdPerMillion = Annotated[float | None, Field(ge=0, allow_inf_nan=False, strict=True)]


class TokenPrice(BaseModel):
    """US dollars per million tokens.

    Without one of their own, cached input and cache writes cost what input costs, and reasoning what output costs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: UsdPerMillion = None
    cached_input: UsdPerMillion = None
    cache_write: UsdPerMillion = None
    output: UsdPerMillion = None
    reasoning: UsdPerMillion = None


class Price(TokenPrice):
    """What a model costs, also in the service tiers of its host.

    Attributes:
        training: US dollars per million tokens; as published when omitted.
        provider: whose published prices apply, for a host that passes calls on: openai, azure, openrouter, ...; or
            "prefix", where the host's names begin with it (openai/gpt-4o).
    """

    training: UsdPerMillion = None
    batch: TokenPrice | None = None
    flex: TokenPrice | None = None
    priority: TokenPrice | None = None
    provider: str | None = None

    @field_validator("provider")
    @classmethod
    def _known(cls, provider: str | None) -> str | None:
        if provider in {None, "prefix"}:
            return provider
        from genai_prices.data import providers  # takes 0.16 s to import

        known = sorted(each.id for each in providers)
        if provider not in known:
            near = difflib.get_close_matches(provider or "", known) or [
                "openai",
                "azure",
                "aws",
                "google",
                "openrouter",
            ]
            raise ValueError(f"no prices of this provider are known; use prefix, or one such as {', '.join(near)}")
        return provider
