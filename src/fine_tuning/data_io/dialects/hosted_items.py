"""What an answer of a host rests on beside its text: items of tools that the host runs, and citations of their results.

Sources: https://platform.openai.com/docs/api-reference/responses/object (output),
https://platform.openai.com/docs/guides/tools-connectors-mcp,
https://platform.openai.com/docs/guides/tools-web-search#output-and-citations,
https://docs.claude.com/en/docs/agents-and-tools/tool-use/web-search-tool,
https://docs.perplexity.ai/api-reference/chat-completions-post, https://console.groq.com/docs/compound,
https://docs.x.ai/docs/guides/live-search, https://ai.google.dev/api/generate-content#UsageMetadata,
https://learn.microsoft.com/en-us/azure/ai-services/openai/references/on-your-data
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.errors import DataError

_RESTS_ON_HOST = "the answer rests on what its host has found or run, which is not in the text"
_RUN_THERE = "which belongs to its host: what the tool returned is not in the text"
_WHY = {
    **dict.fromkeys(("web_search_call", "file_search_call", "tool_search_call", "tool_search_output"), _RUN_THERE),
    **dict.fromkeys(("code_interpreter_call", "image_generation_call", "computer_call", "program"), _RUN_THERE),
    **dict.fromkeys(("local_shell_call", "shell_call", "apply_patch_call", "program_output"), _RUN_THERE),
    **dict.fromkeys(("item_reference", "compaction"), "whose content only the host has"),
    "custom_tool_call": "whose input is text, and no arguments in JSON",
}
_CITATIONS = {"url_citation", "file_citation", "container_file_citation", "web_search_result_location"}
FOUND_KEYS = (
    *("citations", "search_results", "searchResults", "web_search", "executed_tools"),
    *("groundingMetadata", "grounding_metadata", "urlContextMetadata", "url_context_metadata"),
)
"""Fields of a response, or of the message in it, that hold what the host has found or run."""
_GROUNDED = ("groundingChunks", "grounding_chunks", "groundingSupports", "webSearchQueries", "web_search_queries")
_AROUND = ("provider_specific_fields", "context")  # of LiteLLM, and of Azure's own data
KEYS_OF_MESSAGES = ("annotations", *_AROUND, *FOUND_KEYS)
"""Fields of a message that may hold such things."""
_COUNTS_BY_TOOL = {"server_tool_use", "server_side_tool_usage_details"}  # of Anthropic and xAI
_COUNTS = {
    *("num_sources_used", "num_search_queries", "num_server_side_tools_used", "web_search_requests"),
    *("toolUsePromptTokenCount", "tool_use_prompt_token_count"),
}
_OUTPUT = "_output"
_OWN = {"function_call", "tool_call"}
_MCP_CALL, _MCP_LIST, _MCP_ANSWER = "mcp_call", "mcp_list_tools", "mcp_approval_response"
_OF_NO_MEANING = {"reasoning", _MCP_LIST, "mcp_approval_request"}
READ_ITEMS = frozenset({"message", "function_call", "function_call_output", _MCP_CALL, _MCP_ANSWER, *_OF_NO_MEANING})
"""Types of the items of Responses that are read, or that say nothing of the conversation."""


def items_of(given: JsonObject, where: str) -> list[JsonObject] | None:
    """The call and the result that an item of a host holds, or nothing; None for what is no item of a host.

    Raises:
        DataError: the answer rests on what the host alone has; the message names the item.
    """
    kind = str(given.get("type"))
    if kind in _OF_NO_MEANING:
        unread_keys.note({kind: given.get("summary") or given.get("content")}, {_MCP_LIST}, "item")
        return []
    if kind == _MCP_CALL:
        return _mcp_call(given, where)
    if kind == _MCP_ANSWER:
        if given.get("approve") is False:
            raise DataError(f"{where} denies a call of a tool, which a message cannot say")
        return []
    name = kind.removesuffix(_OUTPUT)
    if name in _WHY or kind in _WHY or (name.endswith("_call") and name not in _OWN):
        raise DataError(refusal(kind, where))
    return None


def refusal(kind: str, where: str) -> str:
    """Why an item of a type cannot be trained on."""
    return f"{where} is of type {kind!r}, {_WHY.get(kind) or _WHY.get(kind.removesuffix(_OUTPUT), _RUN_THERE)}"


def _mcp_call(given: JsonObject, where: str) -> list[JsonObject]:
    """A call that the host made of a server's tool: both the arguments and the result are in the text."""
    error, output = given.get("error"), given.get("output")
    if error is None and output is None:
        raise DataError(f"{where} is of type {_MCP_CALL!r}, and has no output")
    call = {"type": "function_call", "call_id": given.get("id"), "name": given.get("name")}
    result = {"type": "function_call_output", "call_id": given.get("id"), "output": output if error is None else error}
    return [{**call, "arguments": given.get("arguments")}, {**result, "is_error": error is not None}]


def with_listed_tools(tools: object, *items: object) -> object:
    """The tools of a request, each server of tools as the definitions that the host has listed of it.

    Args:
        items: lists of items of the request and of the response, in which a host writes what a server has.
    """
    listed = dict(_listed(items))
    if not is_list(tools):
        return tools
    found: list[object] = []
    for tool in tools:
        label = tool.get("server_label") if is_object(tool) and tool.get("type") == "mcp" else None
        found += listed.get(label, [tool]) if isinstance(label, str) else [tool]
    return found


def _listed(items: tuple[object, ...]) -> Iterator[tuple[str, list[JsonObject]]]:
    for given in items:
        for item in given if is_list(given) else []:
            if is_object(item) and item.get("type") == _MCP_LIST and is_list(tools := item.get("tools")):
                yield str(item.get("server_label")), [_definition(each) for each in map(object_or_empty, tools)]


def _definition(tool: Mapping[str, object]) -> JsonObject:
    return {key: tool[key] for key in ("name", "description", "input_schema") if tool.get(key) is not None}


def refuse_cited(given: Row, where: str) -> None:
    """Refuse a text that cites what a host has found.

    Raises:
        DataError: it does; the message names the citation.
    """
    for cited in (given.get("annotations"), given.get("citations")):
        for each in cited if is_list(cited) else []:
            kind = str(each.get("type")) if is_object(each) else ""
            if kind in _CITATIONS:
                raise DataError(f"{where} has a {kind}: {_RESTS_ON_HOST}")


def refuse_found_in_message(message: Row, where: str) -> None:
    """Refuse an answer beside which stands what its host has found, or what tools it has run.

    Raises:
        DataError: it is one; the message names the field.
    """
    for facts in (message, *(object_or_empty(message.get(key)) for key in _AROUND)):
        refuse_found(facts, where)


def refuse_found(given: Row, where: str) -> None:
    """Refuse a response, or a part of one, that says what its host has found, or that it has used tools.

    Raises:
        DataError: it does; the message names the field.
    """
    for key in FOUND_KEYS:
        value = given.get(key)
        is_grounding = key in ("groundingMetadata", "grounding_metadata")
        if value and (first_value(object_or_empty(value), *_GROUNDED) if is_grounding else not isinstance(value, str)):
            raise DataError(f"{where} has {key}: {_RESTS_ON_HOST}")
    usage = first_value(given, "usage", "usageMetadata", "usage_metadata")
    if is_object(usage) and (counted := next(_counted(usage), None)) is not None:
        raise DataError(f"{where} has {counted} in its usage: {_RESTS_ON_HOST}")


def refuse_searched(request: Row) -> None:
    """Refuse a request for which its host had to search first: of OpenAI's search models, xAI's and OpenRouter's.

    Raises:
        DataError: it is one; the message names the option.
    """
    options = object_or_empty(parse_embedded_json(request.get("search_parameters")))
    plugins = parse_embedded_json(request.get("plugins"))
    stated = {
        "web_search_options": request.get("web_search_options") is not None,
        "search_parameters": options.get("mode") == "on",
        "plugins": any(object_or_empty(each).get("id") == "web" for each in (plugins if is_list(plugins) else [])),
        "the model :online": str(request.get("model")).endswith(":online"),
    }
    if found := next((name for name, is_stated in stated.items() if is_stated), None):
        raise DataError(f"the request has {found}: {_RESTS_ON_HOST}")


def _counted(usage: Row) -> Iterator[str]:
    """The uses of tools of the host that a usage counts."""
    for key, value in usage.items():
        if key in _COUNTS_BY_TOOL:
            yield from (f"{key}.{tool}" for tool, count in object_or_empty(value).items() if count)
        elif value and key in _COUNTS:
            yield key
