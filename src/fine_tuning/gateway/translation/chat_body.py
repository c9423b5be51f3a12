"""A call as a request to OpenAI's chat completions, and to hosts that speak them.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from fine_tuning.data_io.json_values import JsonObject, object_or_empty
from fine_tuning.gateway.translation.asked_chat import AskedChat


def chat_body(asked: AskedChat, model: str, *, has_only_chat: bool) -> JsonObject:
    """The body of the request.

    Args:
        has_only_chat: it is for a host that may know only the older name of the limit.
    """
    settings = {**asked.settings}
    if (limit := settings.pop("max_tokens", None)) is not None:
        settings["max_tokens" if has_only_chat else "max_completion_tokens"] = limit
    if (effort := settings.pop("effort", None)) is not None:
        settings["reasoning_effort"] = effort
    body: JsonObject = {"model": model, "messages": asked.messages, **settings}
    if asked.form is not None:
        body["response_format"] = _form(asked)
    if asked.tools:
        body |= {"tools": asked.tools, **_choice(asked)}
    if asked.is_streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _form(asked: AskedChat) -> JsonObject:
    """The form; Anthropic's API holds every answer to its schema, for which OpenAI's has to be asked."""
    form = dict(asked.form or {})
    if asked.api == "messages":
        form["json_schema"] = {"name": "answer", **object_or_empty(form.get("json_schema")), "strict": True}
    return form


def _choice(asked: AskedChat) -> JsonObject:
    mode, name, is_parallel = asked.choice
    named = {"type": "function", "function": {"name": name}}
    found: JsonObject = {"tool_choice": mode if name is None else named}
    return found if is_parallel else {**found, "parallel_tool_calls": False}
