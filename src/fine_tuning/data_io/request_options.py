"""Options of a request on which the answer depends, in any vendor's words, under OpenAI's names.

They are the form that the answer has to have, and whether and which tools it has to call. Options of sampling are none.

Sources: https://platform.openai.com/docs/api-reference/chat/create,
https://platform.openai.com/docs/api-reference/responses/create, https://docs.anthropic.com/en/api/messages,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html,
https://ai.google.dev/api/generate-content#generationconfig, https://ai.google.dev/api/caching#ToolConfig,
https://docs.ollama.com/api/chat, https://docs.vllm.ai/en/latest/features/structured_outputs.html
"""

from __future__ import annotations

from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)

ASSUMED: tuple[object, ...] = (
    *(None, "", "auto", "none", "text", "medium", True, [], {}),
    *({"type": "text"}, {"type": "auto"}, {"type": "none"}),
)
"""Values by which an option says no more than its absence."""
_CONSTRAINTS = (
    *("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar", "json_schema"),
    "verbosity",
)
_CONFIGS = ("generationConfig", "generation_config", "config")
_SCHEMAS = ("responseJsonSchema", "response_json_schema", "responseSchema", "response_schema")
_GEMINI_MODES = {"ANY": "required", "NONE": "none"}
_REQUIRED = {"any", "required", "validated"}
_EXTRA_BODY = "extra_body"
_FORMATS = ("response_format", "responseFormat", "output_format", "format")
_CHOICES = ("tool_choice", "toolChoice")
_TOOL_CONFIGS = ("toolConfig", "tool_config")
_READ = frozenset(
    (
        *("text", "output_config", "parallel_tool_calls", "function_call"),
        *(*_CONSTRAINTS, *_CONFIGS, *_FORMATS, *_CHOICES, *_TOOL_CONFIGS),
    )
)


def with_extra_body(request: Row, parameters: Row | None = None) -> Row:
    """The request as it was sent: SDKs write what is in `extra_body` over the other fields of the body.

    Args:
        parameters: that a tracer keeps beside the request, of which `extra_body` may be one.
    """
    for given in (request, parameters or {}):
        extra = parse_embedded_json(given[_EXTRA_BODY]) if _EXTRA_BODY in given else None
        if is_object(extra):
            request = {**{key: value for key, value in request.items() if key != _EXTRA_BODY}, **extra}
    return request


def request_options(request: Row) -> JsonObject:
    """The options of a request that say more than their absence does; none in most requests.

    Args:
        request: the body that was sent, or a part of it, such as the parameters that a tracer keeps beside messages.
    """
    request = with_extra_body(request)
    if _READ.isdisjoint(request):
        return {}
    text, output = (object_or_empty(parse_embedded_json(request.get(key))) for key in ("text", "output_config"))
    choice, is_parallel = tool_choice(request)
    found: JsonObject = {
        "response_format": _response_format(request) or _as_format(text.get("format") or output.get("format")),
        "tool_choice": choice,
        "parallel_tool_calls": None if is_parallel else False,
        "verbosity": text.get("verbosity"),
        **{key: parse_embedded_json(request[key]) for key in _CONSTRAINTS if request.get(key) is not None},
    }
    return {key: value for key, value in found.items() if value not in ASSUMED}


def _response_format(request: Row) -> object:
    stated = first_value(request, *_FORMATS)
    if stated is not None:
        return _as_format(stated)
    for key in _CONFIGS:
        config = object_or_empty(parse_embedded_json(request.get(key)))
        kind = first_value(config, "responseMimeType", "response_mime_type")
        if (schema := first_value(config, *_SCHEMAS)) is not None:
            return _of_schema(schema)
        if kind not in (None, "", "text/plain"):
            return {"type": "json_object"} if kind == "application/json" else {"type": kind}
    return None


def _as_format(given: object) -> object:
    """A format as OpenAI's chat API has it: that of Responses is flat, and Ollama's is a schema or `json`."""
    found = parse_embedded_json(given)
    if found == "json":
        return {"type": "json_object"}
    if not is_object(found) or not found:
        return found
    if found.get("type") != "json_schema":
        is_format = isinstance(found.get("type"), str) and found.keys() <= {"type", "syntax", "definition"}
        return found if is_format else _of_schema(found)
    inner = found.get("json_schema")
    if is_object(inner) or "schema" not in found:
        return found
    return {"type": "json_schema", "json_schema": {key: value for key, value in found.items() if key != "type"}}


def _of_schema(schema: object) -> JsonObject:
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": parse_embedded_json(schema)}}


def tool_choice(request: Row) -> tuple[object, bool]:
    """What the model had to call under OpenAI's names, `none` included, and whether it could call several at once."""
    is_parallel = request.get("parallel_tool_calls") is not False
    config = object_or_empty(first_value(request, *_TOOL_CONFIGS))
    calling = object_or_empty(first_value(config, "functionCallingConfig", "function_calling_config"))
    if calling:
        return _of_gemini(calling), is_parallel
    given = first_value(request, *_CHOICES) or first_value(config, *_CHOICES)
    choice = parse_embedded_json(given if given is not None else _function_choice(request))
    if not is_object(choice):
        return ("required" if choice in ("any", "required") else choice), is_parallel
    is_parallel = is_parallel and choice.get("disable_parallel_tool_use") is not True
    kind, tool = str(choice.get("type") or next(iter(choice), "")), object_or_empty(choice.get("tool"))
    name = first_value(choice, "name", "toolName") or tool.get("name")
    if kind in _REQUIRED:
        return "required", is_parallel
    if kind in {"auto", "none"}:
        return kind, is_parallel
    return (_function(name) if name else choice), is_parallel


def _function_choice(request: Row) -> object:
    """The choice of OpenAI's earlier API, whose name in a message is that of a call."""
    choice = parse_embedded_json(request.get("function_call"))
    return choice if isinstance(choice, str) or (is_object(choice) and "arguments" not in choice) else None


def _of_gemini(calling: Row) -> object:
    mode = str(calling.get("mode") or "").upper()
    names = first_value(calling, "allowedFunctionNames", "allowed_function_names")
    if mode != "ANY" or not is_list(names):
        return _GEMINI_MODES.get(mode)
    if len(names) == 1:
        return _function(names[0])
    tools = [_function(name) for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}}


def _function(name: object) -> JsonObject:
    return {"type": "function", "function": {"name": name}}
