"""What an answer rests on that its host has searched or run, wherever hosts and logs say so: it is not in the text.

Sources: https://platform.openai.com/docs/guides/tools-web-search#output-and-citations,
https://docs.claude.com/en/docs/agents-and-tools/tool-use/web-search-tool,
https://docs.perplexity.ai/api-reference/chat-completions-post, https://console.groq.com/docs/compound,
https://docs.x.ai/docs/guides/live-search, https://ai.google.dev/api/generate-content#UsageMetadata,
https://learn.microsoft.com/en-us/azure/ai-services/openai/references/on-your-data
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.json_values import Row, first_value, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.errors import DataError

_RESTS_ON_HOST = "the answer rests on what its host has found or run, which is not in the text"
_CITATIONS = {"url_citation", "file_citation", "container_file_citation", "web_search_result_location"}
FOUND_KEYS = (
    *("citations", "search_results", "searchResults", "search_info", "web_search", "executed_tools"),
    *("groundingMetadata", "grounding_metadata", "urlContextMetadata", "url_context_metadata"),
)
"""Fields of a response, or of the message in it, that hold what the host has found or run."""
_USAGE = ("usage", "usageMetadata", "usage_metadata")
_MAY_FIND = frozenset((*FOUND_KEYS, *_USAGE))
_MAY_SEARCH = frozenset({"web_search_options", "search_parameters", "plugins", "model"})
_GROUNDED = ("groundingChunks", "grounding_chunks", "groundingSupports", "webSearchQueries", "web_search_queries")
_LANGCHAINS = ("additional_kwargs", "response_metadata")
_AROUND = ("provider_specific_fields", "context", *_LANGCHAINS)  # the first of LiteLLM, the second of Azure's own data
KEYS_OF_MESSAGES = ("annotations", *_AROUND, *FOUND_KEYS)
"""Fields of a message that may hold such things."""
_COUNTS_BY_TOOL = {"server_tool_use", "server_side_tool_usage_details"}  # of Anthropic and xAI
_COUNTS = {
    *("num_sources_used", "num_search_queries", "numSearchQueries", "num_server_side_tools_used"),
    *("web_search_requests", "toolUsePromptTokenCount", "tool_use_prompt_token_count"),
}


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


def refuse_found_in_response(body: Row) -> None:
    """Refuse a response of which something else is read than its body, as `refuse_found` does its body and choices.

    Raises:
        DataError: it is one; the message names the field.
    """
    refuse_found(body, "the response")
    for each in (body.get("choices"), body.get("candidates")):
        for choice in map(object_or_empty, each if is_list(each) else []):
            refuse_found(choice, "the response")
            refuse_found_in_message(object_or_empty(choice.get("message")), "the response")


def refuse_found(given: Row, where: str) -> None:
    """Refuse a response, or a part of one, that says what its host has found, or that it has used tools.

    Raises:
        DataError: it does; the message names the field.
    """
    if _MAY_FIND.isdisjoint(given):
        return
    for key in FOUND_KEYS:
        value = given.get(key)
        is_grounding = key in ("groundingMetadata", "grounding_metadata")
        if value and (first_value(object_or_empty(value), *_GROUNDED) if is_grounding else not isinstance(value, str)):
            raise DataError(f"{where} has {key}: {_RESTS_ON_HOST}")
    usage = first_value(given, *_USAGE)
    if is_object(usage) and (counted := next(_counted(usage), None)) is not None:
        raise DataError(f"{where} has {counted} in its usage: {_RESTS_ON_HOST}")


def refuse_searched(request: Row) -> None:
    """Refuse a request for which its host had to search first: of OpenAI's search models, xAI's and OpenRouter's.

    Raises:
        DataError: it is one; the message names the option.
    """
    if _MAY_SEARCH.isdisjoint(request):
        return
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
