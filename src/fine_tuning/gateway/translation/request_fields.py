"""The fields of requests: what is translated, what changes no answer, and what is refused because no other API has it.

Sources: https://platform.openai.com/docs/api-reference/chat/create,
https://platform.openai.com/docs/api-reference/responses/create, https://docs.anthropic.com/en/api/messages,
https://ai.google.dev/api/generate-content#generationconfig
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fine_tuning.data_io.json_values import JsonObject, Row, object_or_empty
from fine_tuning.gateway.translation.chat_apis import NAMES, ChatApi
from fine_tuning.gateway.wire_errors import GatewayError

SETTINGS: Mapping[ChatApi, Mapping[str, str]] = {
    "chat": {
        **{name: name for name in ("temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty")},
        "max_tokens": "max_tokens",
        "max_completion_tokens": "max_tokens",
        "reasoning_effort": "effort",
    },
    "responses": {"temperature": "temperature", "top_p": "top_p", "max_output_tokens": "max_tokens"},
    "messages": {
        **{name: name for name in ("temperature", "top_p", "top_k", "max_tokens")},
        "stop_sequences": "stop",
    },
    "contents": {
        **{name: name for name in ("temperature", "seed")},
        "topP": "top_p",
        "topK": "top_k",
        "maxOutputTokens": "max_tokens",
        "stopSequences": "stop",
        "presencePenalty": "presence_penalty",
        "frequencyPenalty": "frequency_penalty",
    },
}
"""Settings of the sampling by their fields in the requests of applications."""

_TAKEN: Mapping[ChatApi, frozenset[str]] = {
    "chat": frozenset(SETTINGS["chat"].values()),
    "messages": frozenset({*SETTINGS["messages"].values(), "effort"}),
    "contents": frozenset({*SETTINGS["chat"].values(), "top_k"}),
}
_READ: Mapping[ChatApi, frozenset[str]] = {
    "chat": frozenset({"messages", "tools", "tool_choice", "parallel_tool_calls", "response_format"}),
    "responses": frozenset({"input", "instructions", "tools", "tool_choice", "parallel_tool_calls"}),
    "messages": frozenset({"messages", "system", "tools", "tool_choice", "output_format"}),
    "contents": frozenset(
        """contents systemInstruction tools toolConfig responseMimeType responseSchema responseJsonSchema""".split()
    ),
}
_OF_NO_MEANING = frozenset(  # for the answer: who asks, what is cached, how a stream is padded
    """model stream user safety_identifier metadata prompt_cache_key prompt_cache_retention prompt_cache_options
    prediction cache_control max_tool_calls inference_geo user_profile_id labels safetySettings""".split()
)
_DEFAULTS: Mapping[str, tuple[object, ...]] = {  # values that say no more than the absence of the field
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "store": (False,),
    "modalities": (["text"],),
    "verbosity": ("medium",),
    "service_tier": ("auto", "default", "standard_only"),
    "truncation": ("disabled",),
    "background": (False,),
    "thinking": ({"type": "disabled"},),
    "speed": ("standard",),
    "stop": ([],),
    "stop_sequences": ([],),
    "functions": ([],),
    "stopSequences": ([],),
    "presencePenalty": (0,),
    "frequencyPenalty": (0,),
    "candidateCount": (1,),
    "responseModalities": (["TEXT"],),
    "responseLogprobs": (False,),
    "includeThoughts": (False,),
    "thinkingBudget": (0, -1),  # none, and as the model likes
}
_LOGPROBS = "message.output_text.logprobs"
_PARTS: Mapping[str, frozenset[str]] = {  # fields of objects, of which all others are refused
    "stream_options": frozenset({"include_usage", "include_obfuscation"}),
    "text": frozenset({"format"}),
    "reasoning": frozenset({"effort"}),
    "output_config": frozenset({"format", "effort"}),
    "thinkingConfig": frozenset({"thinkingLevel"}),
}
_CONFIG = "generationConfig"
_EFFORTS = ("low", "medium", "high")  # that all APIs have


def check(api: ChatApi, body: Row, target: ChatApi) -> None:
    """Refuse the fields that the target's API cannot express.

    Raises:
        GatewayError: 400, naming the field.
    """
    known = _READ[api] | _OF_NO_MEANING | _PARTS.keys()
    for field, value in _flat(body).items():
        if value is None or value in _DEFAULTS.get(field, ()):
            continue
        setting = SETTINGS[api].get(field)
        if field == "include":
            is_known = isinstance(value, list) and _LOGPROBS not in value
        else:
            is_known = field in known if setting is None else setting in _TAKEN[target]
        if not is_known:
            raise _refused(field, value, target)
        _check_parts(field, value, target)
    if (effort := settings(api, body).get("effort")) not in (None, *_EFFORTS):
        named = ("reasoning_effort", "reasoning", "output_config", "thinkingConfig")
        field = next(name for name in named if _flat(body).get(name) is not None)
        raise _refused(field, effort, target)


def _flat(body: Row) -> Row:
    """A request with what Gemini's API keeps together beside the other fields."""
    config = body.get(_CONFIG)
    return {**{key: value for key, value in body.items() if key != _CONFIG}, **object_or_empty(config)}


def _check_parts(field: str, value: object, target: ChatApi) -> None:
    if field not in _PARTS:
        return
    for name, inner in object_or_empty(value).items():
        is_default = inner is None or inner in _DEFAULTS.get(name, ())
        if not is_default and name not in _PARTS[field]:
            raise _refused(f"{field}.{name}", inner, target)


def _refused(field: str, value: object, target: ChatApi) -> GatewayError:
    shown = f" = {value}" if isinstance(value, str | int | float) and len(str(value)) < 40 else ""
    message = f"{field}{shown} cannot be said in {NAMES[target]}, which answers this call; leave it out"
    return GatewayError(HTTPStatus.BAD_REQUEST, message, "not_translatable", field)


def settings(api: ChatApi, body: Row) -> JsonObject:
    """The settings of the sampling that a request has, under the names that all have in common."""
    body = _flat(body)
    found = {
        name: body[field]
        for field, name in SETTINGS[api].items()
        if body.get(field) is not None and body[field] not in _DEFAULTS.get(field, ())
    }
    stated = object_or_empty(body.get("reasoning")), object_or_empty(body.get("output_config"))
    for effort in (each.get("effort") for each in stated):
        if effort is not None:
            found["effort"] = effort
    if isinstance(level := object_or_empty(body.get("thinkingConfig")).get("thinkingLevel"), str):
        found["effort"] = level.lower()
    if isinstance(found.get("stop"), str):
        found["stop"] = [found["stop"]]
    return found
