"""A call as a request to OpenAI's chat completions, and to hosts that speak them.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from fine_tuning.data_io.json_values import JsonObject, object_or_empty
from fine_tuning.gateway.translation.canonical_request import CanonicalRequest


def chat_body(request: CanonicalRequest, model: str, *, has_only_chat: bool) -> JsonObject:
    """The body of the request.

    Args:
        has_only_chat: it is for a host that may know only the older name of the limit.
    """
    settings = {**request.settings}
    if (limit := settings.pop("max_tokens", None)) is not None:
        settings["max_tokens" if has_only_chat else "max_completion_tokens"] = limit
    if (effort := settings.pop("effort", None)) is not None:
        settings["reasoning_effort"] = effort
    body: JsonObject = {"model": model, "messages": request.messages, **settings}
    if request.form is not None:
        body["response_format"] = _form(request)
    if request.tools:
        body |= {"tools": request.tools, **_choice(request)}
    if request.is_streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _form(request: CanonicalRequest) -> JsonObject:
    """The form; Anthropic's API holds every answer to its schema, for which OpenAI's has to be asked."""
    form = dict(request.form or {})
    if request.api == "messages":
        form["json_schema"] = {"name": "answer", **object_or_empty(form.get("json_schema")), "strict": True}
    return form


def _choice(request: CanonicalRequest) -> JsonObject:
    mode, name, is_parallel = request.choice
    named = {"type": "function", "function": {"name": name}}
    found: JsonObject = {"tool_choice": mode if name is None else named}
    return found if is_parallel else {**found, "parallel_tool_calls": False}
