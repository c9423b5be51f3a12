"""Whether what was read of a request is a canonical call: readers leave as it is what they do not understand."""

from __future__ import annotations

from collections.abc import Sequence

from fine_tuning._util.json_kinds import quoted
from fine_tuning.data_io.formats.chat_checks import ROLES
from fine_tuning.data_io.json_values import Row, is_list, is_object, is_one_of, object_or_empty
from fine_tuning.errors import DataError


def check_shapes(messages: Sequence[Row], tools: Sequence[Row]) -> None:
    """Check roles, contents, calls and tools.

    Raises:
        DataError: one is none.
    """
    for number, message in enumerate(messages, 1):
        calls = message.get("tool_calls")
        if not is_one_of(message.get("role"), ROLES):
            stated = f"the unknown role {quoted(message['role'])}" if "role" in message else "no role"
            raise DataError(f"message {number} of the conversation has {stated}")
        if not _is_content(message.get("content")):
            raise DataError(f"message {number} of the conversation: its content is neither text nor a list of parts")
        if calls is not None and not (is_list(calls) and all(map(_is_call, calls))):
            raise DataError(f"message {number} of the conversation has a call without id, name or arguments")
    for place, tool in enumerate(tools):
        if not _is_named(tool.get("function")):
            raise DataError(f"tools[{place}] has no name")


def _is_content(content: object) -> bool:
    return content is None or isinstance(content, str) or (is_list(content) and all(map(_is_part, content)))


def _is_part(part: object) -> bool:
    return is_object(part) and (part.get("type") != "text" or isinstance(part.get("text"), str))


def _is_call(call: object) -> bool:
    given = object_or_empty(call)
    function = given.get("function")
    has_arguments = isinstance(object_or_empty(function).get("arguments"), str)
    return isinstance(given.get("id"), str) and _is_named(function) and has_arguments


def _is_named(function: object) -> bool:
    name = object_or_empty(function).get("name")
    return isinstance(name, str) and bool(name)
