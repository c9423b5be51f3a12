"""What the GenAI conventions call the facts of a call.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from fine_tuning._util.providers import provider_of_host
from fine_tuning.data_io.finish_reasons import reason_in
from fine_tuning.data_io.json_values import first_value
from fine_tuning.gateway.broken_answers import answer_of
from fine_tuning.gateway.spooled_calls import SpooledCall
from fine_tuning.gateway.translation import request_fields
from fine_tuning.gateway.translation.chat_apis import api_of_path
from fine_tuning.store.records.gateway_calls import GatewayCall

Known = str | int | float | list[str]
Attributes = dict[str, Known]

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


_SETTINGS = {
    **{name: name for name in ("max_tokens", "temperature", "top_p", "top_k", "seed")},
    **{name: name for name in ("presence_penalty", "frequency_penalty")},
    "stop": "stop_sequences",
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
        self._request, self._answered = request, answer_of(spooled.response)
        self._api = api_of_path(path)
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
        own: dict[str, Known | None] = {
            **self._of_request(),
            "gen_ai.response.id": self._said("id", "responseId"),
            "gen_ai.response.finish_reasons": [reason] if (reason := reason_in(self._answered)) else None,
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

    def _of_request(self) -> dict[str, Known | None]:
        """How the answer was to be sampled, under the names of the conventions."""
        given = {} if self._api is None else request_fields.settings(self._api, self._request)
        return {f"gen_ai.request.{attribute}": _value(given.get(name)) for name, attribute in _SETTINGS.items()}

    def _said(self, *names: str) -> str | None:
        """A text of the response."""
        found = first_value(self._answered, *names)
        return found[:_MAX_NAME] if isinstance(found, str) else None

    def _labels(self, address: str) -> Attributes:
        call, parts = self._call, urlsplit(address)
        provider = provider_of_host(address) or call["upstream"]
        return _known(
            {
                "gen_ai.operation.name": self.operation,
                "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
                "gen_ai.request.model": self._requested_model,
                "gen_ai.response.model": self._said("model", "modelVersion"),
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


def _value(given: object) -> Known | None:
    """A number, or texts; the request may have anything in their place."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else None


def _known(values: dict[str, Known | None]) -> Attributes:
    return {name: value for name, value in values.items() if value is not None}
