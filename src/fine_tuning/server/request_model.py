"""The base model of all JSON bodies, and the checks that every body passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from fine_tuning._util import checks
from fine_tuning._util.sound_model import SoundModel
from fine_tuning.errors import UsageError
from fine_tuning.server.api_errors import invalid
from fine_tuning.store.records.rows import JsonColumn

BEYOND = "beyond OpenAI's API"
Number = Annotated[float, Field(allow_inf_nan=False)]
Each = TypeVar("Each")
Listed = Annotated[list[Each], Field(fail_fast=True)]
"""A list of any length: its first wrong item is reported, since a body has a place for half a million of them."""
# -1 is vLLM's word for all tokens
TopK = Annotated[int, Field(ge=-1, le=2**31 - 1), AfterValidator(lambda given: max(given, 0))]


def supported(why: str, **bounds: Any) -> Any:  # pydantic types a field as its default
    """A parameter that needs a word about how far it is supported; `bounds` as those of pydantic's `Field`."""
    return Field(default=None, json_schema_extra={"support": "supported", "why": why}, **bounds)


def ignored(why: str) -> Any:
    """A parameter that is accepted and changes nothing."""
    return Field(default=None, json_schema_extra={"support": "ignored", "why": why})


def refused(why: str) -> Any:
    """A parameter that is not supported."""
    return Field(default=None, json_schema_extra={"support": "refused", "why": why})


def added_by_sdks() -> Any:
    """What `parse` and `stream` of the SDKs add to an answer: accepted where it is sent back, and left out."""
    return Field(default=None, exclude=True)


def type_of(value: object) -> str | None:
    """The `type` of a part of a body, read or not, by which a union tells its members; None where it is no text."""
    found = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return found if isinstance(found, str) else None


class RequestModel(SoundModel):
    """A request, or a part of one."""

    def check_refused(self) -> None:
        """Refuse what this server does not support, instead of ignoring it.

        Raises:
            ApiError: 400, naming the field.
        """
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and extra.get("support") == "refused" and getattr(self, name) is not None:
                raise invalid(f"{name} is not supported: {extra['why']}", name, "unsupported_parameter")

    def check_storable(self, advice: str = "") -> None:
        """Check that its texts can be stored.

        Raises:
            ApiError: 400, naming the field.
        """
        for field, value in self.model_dump(mode="python", by_alias=True, exclude_none=True).items():
            try:
                checks.storable(field, value)
            except UsageError as error:
                raise invalid(f"{error}{advice}", field) from None


class AnswerRequest(RequestModel):
    """What requests for an answer have in common that changes nothing here."""

    user: str | None = ignored("users of a key are not distinguished")
    safety_identifier: str | None = ignored("nothing is reported to anyone")
    prompt_cache_key: str | None = ignored("shared prompt prefixes are cached without it")
    prompt_cache_retention: str | None = ignored("the cache is the model's own memory")
    prompt_cache_options: JsonColumn | None = ignored("the cache is the model's own memory")
    service_tier: str | None = ignored("there is one tier")
    moderation: JsonColumn | None = ignored("nothing is moderated")


class SamplingExtras(RequestModel):
    """What local servers take beside OpenAI's parameters of sampling."""

    top_k: TopK | None = supported(f"0 and -1 for all tokens; {BEYOND}")
    min_p: Number | None = supported(BEYOND, ge=0, le=1)
    repetition_penalty: Number | None = supported(BEYOND, gt=0, le=10)


SAMPLING_EXTRAS = tuple(SamplingExtras.model_fields)
