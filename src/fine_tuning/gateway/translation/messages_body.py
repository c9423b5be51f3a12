"""A call as a request to Anthropic's Messages.

Sources: https://docs.anthropic.com/en/api/messages,
https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.json_values import JsonObject, object_or_empty
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.gateway.translation.canonical_request import CanonicalRequest, untranslatable
from fine_tuning.gateway.translation.turns import Image, Turn, arguments, divided, parts

MAX_TOKENS = 8192  # Anthropic needs a limit; all of its models that still answer can write as much
_NAMES = {"stop": "stop_sequences"}
_MODES = {"auto": "auto", "none": "none", "required": "any"}


def messages_body(request: CanonicalRequest, model: str) -> JsonObject:
    """The body of the request.

    Raises:
        GatewayError: 400, the API cannot express it.
    """
    system, turns = divided(request.messages)
    settings = {_NAMES.get(name, name): value for name, value in request.settings.items()}
    output: JsonObject = {}
    if (effort := settings.pop("effort", None)) is not None:
        output["effort"] = effort
    if request.form is not None:
        output["format"] = _format(request.form)
    body: JsonObject = {"model": model, "max_tokens": MAX_TOKENS, **settings}
    body["messages"] = [
        {"role": "assistant" if turn.is_model else "user", "content": list(_blocks(turn))} for turn in turns
    ]
    if system:
        body["system"] = [_text(each) for each in system]
    if output:
        body["output_config"] = output
    if request.tools:
        body |= {"tools": [_tool(each) for each in request.tools], **_choice(request)}
    return {**body, "stream": True} if request.is_streamed else body


def _blocks(turn: Turn) -> Iterator[JsonObject]:
    """The content of a turn: results of tools come first, since they follow their calls."""
    for place, message in turn.messages:
        if message["role"] == "tool":
            yield _result(message)
            continue
        for part in parts(message):
            yield _text(part) if isinstance(part, str) else {"type": "image", "source": _source(part)}
        for call in message.get("tool_calls") or ():
            name, given = call["function"]["name"], arguments(call, place)
            yield {"type": "tool_use", "id": call["id"], "name": name, "input": given}


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _source(image: Image) -> JsonObject:
    if image.data is None:
        return {"type": "url", "url": image.address}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _result(message: Message) -> JsonObject:
    content = [_text(part) for part in parts(message) if isinstance(part, str)]
    return {"type": "tool_result", "tool_use_id": message.get("tool_call_id"), "content": content}


def _format(form: JsonObject) -> JsonObject:
    if form.get("type") != "json_schema":
        message = "response_format: JSON without a schema cannot be said in Anthropic's Messages; send a json_schema"
        raise untranslatable(message, "response_format")
    schema = object_or_empty(form.get("json_schema")).get("schema")
    return {"type": "json_schema", "schema": schema}


def _tool(tool: Tool) -> JsonObject:
    function = tool["function"]
    found: JsonObject = {
        "name": function["name"],
        "description": function.get("description"),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        "strict": function.get("strict") or None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _choice(request: CanonicalRequest) -> JsonObject:
    mode, name, is_parallel = request.choice
    choice: JsonObject = {"type": _MODES[mode]} if name is None else {"type": "tool", "name": name}
    if not is_parallel and mode != "none":
        choice["disable_parallel_tool_use"] = True
    return {} if choice == {"type": "auto"} else {"tool_choice": choice}
