"""Items of tools that the host of a model runs: calls of servers' tools are read, what only the host has is refused.

Sources: https://platform.openai.com/docs/api-reference/responses/object (output),
https://platform.openai.com/docs/guides/tools-connectors-mcp
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, object_or_empty
from fine_tuning.errors import DataError

_RUN_THERE = "which belongs to its host: what the tool returned is not in the text"
_WHY = {
    **dict.fromkeys(("web_search_call", "file_search_call", "tool_search_call", "tool_search_output"), _RUN_THERE),
    **dict.fromkeys(("code_interpreter_call", "image_generation_call", "computer_call", "program"), _RUN_THERE),
    **dict.fromkeys(("local_shell_call", "shell_call", "apply_patch_call", "program_output"), _RUN_THERE),
    **dict.fromkeys(("item_reference", "compaction"), "whose content only the host has"),
    "custom_tool_call": "whose input is text, and no arguments in JSON",
}
_OUTPUT = "_output"
_OWN = {"function_call", "tool_call"}
_MCP_CALL, _MCP_LIST, _MCP_ANSWER = "mcp_call", "mcp_list_tools", "mcp_approval_response"
_OF_NO_MEANING = {"reasoning", _MCP_LIST, "mcp_approval_request"}
READ_ITEMS = frozenset({"message", "function_call", "function_call_output", _MCP_CALL, _MCP_ANSWER, *_OF_NO_MEANING})
"""Types of the items of Responses that are read, or that say nothing of the conversation."""


def is_item(given: object) -> bool:
    """Whether an object says, by its type, that it is an item of Responses."""
    kind = given.get("type") if is_object(given) else None
    return isinstance(kind, str) and (kind in READ_ITEMS or kind in _WHY or kind.removesuffix(_OUTPUT) in _WHY)


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
    """Why an item of a type is not read."""
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
