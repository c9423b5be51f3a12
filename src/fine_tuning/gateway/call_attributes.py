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

_MAX_NAME = 200  # characters
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


class DescribedCall:
    """A call, whose request is read once.

    Attributes:
        operation: what was asked for; None of a call without a model's answer.
        error: the status of a failed call, or how it broke off; None of one that is whole.
        is_streamed: whether the answer was asked for in pieces.
        labels: what figures are told apart by: few values each.
    """

    def __init__(self, spooled: SpooledCall, call: GatewayCall) -> None:
        request, path = spooled.body(), spooled.facts["path"]
        self._call, self._method = call, spooled.facts["method"]
        model = request.get("model") or spooled.model_of_path()
        self._requested_model = model[:_MAX_NAME] if isinstance(model, str) else None
        self.operation = next((name for pattern, name in _OPERATIONS if pattern.search(path)), None)
        self.error = _error(call)
        self.is_streamed = request.get("stream") is True or "streamGenerateContent" in path
        self.labels = self._labels(spooled.facts["address"])

    @property
    def name(self) -> str:
        """The operation and the model that was asked for; of other calls the method and the path."""
        model = self._requested_model or self._call["model"]
        if self.operation is None:
            return f"{self._method} {self._call['path']}"
        return f"{self.operation} {model}" if model else self.operation

    @property
    def attributes(self) -> Attributes:
        """All that is known, but what was asked and answered."""
        call = self._call
        own: dict[str, str | int | float | None] = {
            "gen_ai.conversation.id": call["conversation"],
            "gen_ai.usage.input_tokens": call["prompt_tokens"],
            "gen_ai.usage.output_tokens": call["completion_tokens"],
            "gen_ai.response.time_to_first_chunk": call["first_byte_seconds"] if self.is_streamed else None,
            "http.request.method": self._method,
            "http.response.status_code": call["status"],
            "url.path": call["path"],
            "error.type": self.error,
            "fine_tuning.call.id": call["id"],
            "fine_tuning.cost_usd": call["cost"],
        }
        return {**self.labels, **_known(own)}

    def _labels(self, address: str) -> Attributes:
        call, parts = self._call, urlsplit(address)
        provider = provider_of_host(address) or call["upstream"]
        return _known(
            {
                "gen_ai.operation.name": self.operation,
                "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
                "gen_ai.request.model": self._requested_model,
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


def _error(call: GatewayCall) -> str | None:
    status = call["status"]
    if status is None:
        return "no_response"
    if status >= HTTPStatus.BAD_REQUEST:
        return str(status)
    return None if call["is_whole"] else "broke_off"


def _known(values: dict[str, str | int | float | None]) -> Attributes:
    return {name: value for name, value in values.items() if value is not None}
