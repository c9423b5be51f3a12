"""What the GenAI conventions call the facts of a call.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from fine_tuning._util.providers import provider_of_host
from fine_tuning.gateway.spooled_calls import SpooledCall
from fine_tuning.store.records.gateway_calls import GatewayCall

Attributes = dict[str, str | int | float]

_OPERATIONS = (  # the first that fits
    (re.compile(r":(?:stream)?generateContent$"), "generate_content"),
    (re.compile(r"(?:/|:)(?:embeddings|embedContent|batchEmbedContents)$"), "embeddings"),
    (re.compile(r"/(?:chat/completions|responses|messages)$"), "chat"),
    (re.compile(r"/completions$"), "text_completion"),
)
_PROVIDERS = {  # names of the conventions, where they are not those of the price list
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "aws": "aws.bedrock",
    "mistral": "mistral_ai",
    "x-ai": "x_ai",
}


def operation(spooled: SpooledCall) -> str | None:
    """What was asked for; None of a call without a model's answer."""
    path = spooled.facts["path"]
    return next((name for pattern, name in _OPERATIONS if pattern.search(path)), None)


def span_name(spooled: SpooledCall, call: GatewayCall) -> str:
    """The operation and the model that was asked for; of other calls the method and the path."""
    asked, found = _asked_model(spooled) or call["model"], operation(spooled)
    return f"{found} {asked}".strip() if found and asked else found or f"{spooled.facts['method']} {call['path']}"


def error_type(call: GatewayCall) -> str | None:
    """The status of a failed call, or how it broke off; None of one that is whole."""
    status = call["status"]
    if status is None:
        return "no_response"
    if status >= HTTPStatus.BAD_REQUEST:
        return str(status)
    return None if call["is_whole"] else "broke_off"


def is_streamed(spooled: SpooledCall) -> bool:
    """Whether the answer was asked for in pieces."""
    return spooled.body().get("stream") is True or "streamGenerateContent" in spooled.facts["path"]


def of_metrics(spooled: SpooledCall, call: GatewayCall) -> Attributes:
    """What figures are told apart by: few values each."""
    parts = urlsplit(spooled.facts["address"])
    provider = provider_of_host(spooled.facts["address"]) or call["upstream"]
    return _known(
        {
            "gen_ai.operation.name": operation(spooled),
            "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
            "gen_ai.request.model": _asked_model(spooled),
            "gen_ai.response.model": call["model"],
            "server.address": parts.hostname,
            "server.port": parts.port,
            "fine_tuning.project": call["project"],
            "fine_tuning.upstream": call["upstream"],
            "fine_tuning.route": call["route"],
            "fine_tuning.target": call["target"],
            "fine_tuning.role": call["role"],
        }
    )


def of_span(spooled: SpooledCall, call: GatewayCall) -> Attributes:
    """All that is known of a call, but what was asked and answered."""
    own: dict[str, str | int | float | None] = {
        "gen_ai.conversation.id": call["conversation"],
        "gen_ai.usage.input_tokens": call["prompt_tokens"],
        "gen_ai.usage.output_tokens": call["completion_tokens"],
        "gen_ai.response.time_to_first_chunk": call["first_byte_seconds"] if is_streamed(spooled) else None,
        "http.request.method": spooled.facts["method"],
        "http.response.status_code": call["status"],
        "url.path": call["path"],
        "error.type": error_type(call),
        "fine_tuning.call.id": call["id"],
        "fine_tuning.cost_usd": call["cost"],
    }
    return {**of_metrics(spooled, call), **_known(own)}


def _asked_model(spooled: SpooledCall) -> str | None:
    found = spooled.body().get("model") or spooled.model_of_path()
    return found[:200] if isinstance(found, str) else None


def _known(values: dict[str, str | int | float | None]) -> Attributes:
    return {name: value for name, value in values.items() if value is not None}
