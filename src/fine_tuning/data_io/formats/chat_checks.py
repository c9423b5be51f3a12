"""Checks of a conversation for training, as strict as those of the hosts that train on it.

Rules: OpenAI's guide to data for fine-tuning, https://platform.openai.com/docs/guides/supervised-fine-tuning, and the
schemas FineTuneChatRequestInput and FineTunePreferenceRequestInput of its API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fine_tuning._util.field_errors import place
from fine_tuning._util.json_kinds import json_kind, quoted
from fine_tuning.data_io import strict_json
from fine_tuning.data_io.blank_text import is_blank
from fine_tuning.data_io.corrections import holds_correction
from fine_tuning.data_io.dialects.images import EMPTY_PLACE, is_image_place
from fine_tuning.data_io.dialects.tool_definitions import never_null
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.formats.tool_declarations import check_tools
from fine_tuning.data_io.json_values import Row, is_list, is_object, object_or_empty
from fine_tuning.data_io.key_meanings import Meaning, meaning_of
from fine_tuning.data_io.request_options import ASSUMED

ROLES = ("system", "developer", "user", "assistant", "tool")
_ROW_KEYS = {"messages", "tools", "parallel_tool_calls"}
_PAIR_KEYS = {"input", "preferred_output", "non_preferred_output"}
_MESSAGE_KEYS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "weight", "tool_calls", "refusal"},
    "tool": {"role", "content", "tool_call_id", "name"},
}
Declared = Mapping[str, Row]
"""The names of the functions that a model may call, and the schemas of their arguments."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_row(row: Row) -> list[Finding]:
    """The problems of a chat row, or of a preference pair."""
    return list(_check_pair(row) if "preferred_output" in row else _check_chat(row))


def unknown_keys(row: Row) -> list[Finding]:
    """A finding for each key of a chat row or pair, as it was written, that trainers do not accept."""
    known = _PAIR_KEYS if "preferred_output" in row else _ROW_KEYS
    return [
        Finding("unknown-key", key, "trainers do not accept this key")
        for key in row.keys() - known
        # Others are read into messages and tools.
        if meaning_of(key) in (None, Meaning.OPTION) and not holds_correction(key)
    ]


def options_of_request(row: Row) -> list[Finding]:
    """A finding for each option of the request that trainers do not take, and that is not what they assume.

    Args:
        row: with the options among its fields, as the metadata of a call has them.
    """
    return [
        Finding("request-option", key, f"the request had {key}, which a training row cannot say")
        for key, value in row.items()
        if meaning_of(key) is Meaning.OPTION and value not in ASSUMED
    ]


def _check_chat(row: Row) -> Iterator[Finding]:
    declared: Declared | None = None
    if row.get("tools") is not None:
        problems, declared = _check_tools(row["tools"], "tools")
        yield from problems
    messages = row.get("messages")
    yield from _check_messages(messages, "messages", declared)
    if is_list(messages) and messages:
        objects = [each for each in messages if is_object(each)]
        if len(objects) < len(messages):
            return
        if objects[-1].get("role") != "assistant":
            yield Finding("last-not-assistant", f"messages[{len(messages) - 1}]", "the last message is not an answer")
        if not any(each.get("role") == "assistant" and each.get("weight", 1) != 0 for each in objects):
            yield Finding("nothing-to-learn", "messages", "no message of the assistant to train on")


def _check_pair(row: Row) -> Iterator[Finding]:
    request = row.get("input")
    if not is_object(request):
        yield Finding("no-messages", "input", "input is missing or not an object")
        return
    declared: Declared | None = None
    if request.get("tools"):
        problems, declared = _check_tools(request["tools"], "input.tools")
        yield from problems
    yield from _check_messages(request.get("messages"), "input.messages", declared)
    for key in ("preferred_output", "non_preferred_output"):
        answer = row.get(key)
        if not is_list(answer) or not answer or any(_role(each) != "assistant" for each in answer):
            yield Finding("wrong-answer", key, "not a list of messages of the assistant")
        else:
            yield from _check_messages(answer, key, declared)
    if row.get("preferred_output") == row.get("non_preferred_output"):
        yield Finding("same-answers", "non_preferred_output", "both answers are the same")


def _check_messages(messages: object, where: str, tools: Declared | None) -> Iterator[Finding]:
    if not is_list(messages) or not messages:
        yield Finding("no-messages", where, "missing, empty or not a list")
        return
    pending: dict[str, str] = {}  # tool calls without a result yet: id and where
    previous_role = None
    for index, message in enumerate(messages):
        at = f"{where}[{index}]"
        if not is_object(message):
            yield Finding("not-a-message", at, f"{json_kind(message)}, not an object")
            continue
        role = _role(message)
        if role not in ROLES:
            stated = f"unknown role {quoted(message['role'])}" if "role" in message else "no role"
            yield Finding("unknown-role", f"{at}.role", stated)
            continue
        if role != "tool" and pending:
            yield Finding("unanswered-call", at, f"the call {next(iter(pending))!r} has no result before this message")
            pending = {}
        if role in {"system", "developer"} and index:
            yield Finding("system-not-first", at, f"a {role} message after others")
        if role == previous_role and role in {"user", "assistant"}:
            yield Finding("same-role-twice", at, f"two messages of the {role} in a row")
        yield from _check_message(message, role, at)
        if role == "tool":
            yield from _check_tool_result(message, at, pending)
        elif message.get("tool_calls") is not None:
            yield from _check_tool_calls(message["tool_calls"], f"{at}.tool_calls", pending, tools)
        previous_role = role
    # Calls of the last message are what the row teaches; they have no results yet.


def _role(message: object) -> str | None:
    role = message.get("role") if is_object(message) else None
    return role if isinstance(role, str) else None


def _check_message(message: Row, role: str, at: str) -> Iterator[Finding]:
    for key in message.keys() - _MESSAGE_KEYS[role]:
        codes = {"weight": "wrong-weight", "tool_calls": "wrong-tool-call", "tool_call_id": "wrong-tool-call"}
        yield Finding(codes.get(key, "unknown-message-key"), f"{at}.{key}", f"a message of the {role} has no {key}")
    if role == "assistant":
        if message.get("refusal"):
            yield Finding("refusal", f"{at}.refusal", "the model refused, and its refusal is no good answer by itself")
        weight = message.get("weight", 1)
        if isinstance(weight, bool) or weight not in (0, 1):
            yield Finding("wrong-weight", f"{at}.weight", f"{quoted(weight)} is neither 0 nor 1")
    name = message.get("name")
    if name is not None and not _is_name(name):
        yield Finding("wrong-name", f"{at}.name", f"invalid name {quoted(name)}")
    may_lack_content = role == "assistant" and (message.get("tool_calls") or message.get("refusal"))
    if message.get("content") is not None or not may_lack_content:
        yield from _check_content(message.get("content"), role, f"{at}.content")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _check_content(content: object, role: str, at: str) -> Iterator[Finding]:
    if isinstance(content, str):
        if role != "tool" and is_blank(content):
            yield Finding("empty-content", at, _no_text(content))
    elif content is None:
        yield Finding("empty-content", at, "missing")
    elif not is_list(content):
        yield Finding("wrong-content", at, f"{json_kind(content)}, neither text nor parts")
    elif not content:
        yield Finding("empty-content", at, "no parts")
    else:
        for index, part in enumerate(content):
            yield from _check_part(part, role, f"{at}[{index}]")


def _no_text(content: str) -> str:
    return "no text" if not content else "only invisible characters" if content.strip() else "only white space"


def _check_part(part: object, role: str, at: str) -> Iterator[Finding]:
    kind = part.get("type") if is_object(part) else None
    if is_object(part) and kind == "text":
        text = part.get("text")
        if not isinstance(text, str):
            yield Finding("wrong-content", f"{at}.text", "missing or not text")
        elif role != "tool" and is_blank(text):
            yield Finding("empty-content", f"{at}.text", "no text")
    elif is_image_place(part):
        yield Finding("wrong-content", at, EMPTY_PLACE)
    elif not is_object(part) or kind != "image_url" or role != "user":
        yield Finding("wrong-content", at, f"a part of type {quoted(kind)} in a message of the {role}")
    else:
        image = part.get("image_url")
        if not is_object(image) or not isinstance(image.get("url"), str):
            yield Finding("wrong-content", f"{at}.image_url.url", "missing or not text")
        elif image.get("detail") != "low":
            yield Finding("image-size", f"{at}.image_url", "counted as the largest image that the model reads")


def _check_tool_calls(calls: object, where: str, pending: dict[str, str], tools: Declared | None) -> Iterator[Finding]:
    if not is_list(calls) or not calls or not all(map(is_object, calls)):
        yield Finding("wrong-tool-call", where, "not a list of calls")
        return
    for index, call in enumerate(calls):
        at = f"{where}[{index}]"
        function = call.get("function") if is_object(call) else None
        call_id = call.get("id") if is_object(call) and call.get("type") == "function" else None
        if not is_object(function) or not isinstance(call_id, str):
            yield Finding("wrong-tool-call", at, "a call needs id, type 'function' and function")
            continue
        name = function.get("name")
        if not _is_name(name):
            yield Finding("wrong-name", f"{at}.function.name", f"invalid function name {name!r}")
        elif tools is not None and name not in tools:
            yield Finding("undeclared-tool", f"{at}.function.name", f"{name!r} is not among the row's tools")
        schema = tools.get(str(name), {}) if tools else None
        yield from _check_arguments(function.get("arguments"), schema, f"{at}.function.arguments")
        if call_id in pending:
            yield Finding("wrong-tool-call", f"{at}.id", f"{call_id!r} was used before")
        pending[call_id] = at


def _check_tool_result(message: Row, at: str, pending: dict[str, str]) -> Iterator[Finding]:
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str) or pending.pop(call_id, None) is None:
        yield Finding("unasked-result", f"{at}.tool_call_id", f"no pending call has the id {call_id!r}")


def _check_arguments(text: object, schema: Row | None, at: str) -> Iterator[Finding]:
    """Problems of the arguments of a call.

    Args:
        schema: of the arguments; None where the row defines no tools.
    """
    try:
        arguments = strict_json.decode(text, finite=False) if isinstance(text, str) else None
    except strict_json.DuplicateKeyError as error:
        yield Finding("duplicate-key", at, f"the key {str(error)!r} occurs more than once")
        return
    except (ValueError, RecursionError):
        arguments = None
    if not is_object(arguments):
        yield Finding("wrong-tool-call", at, "not the JSON text of an object")
    elif schema is not None and None in arguments.values():
        yield from _check_nulls(arguments, schema, at)


def _check_nulls(arguments: Row, schema: Row, at: str) -> Iterator[Finding]:
    """The arguments that are null, where the definition of their function does not say that they may be."""
    properties = schema.get("properties")
    if not is_object(properties) or schema.get("additionalProperties"):
        return
    for key, value in arguments.items():
        if value is None and (key not in properties or never_null(properties[key])):
            yield Finding("null-argument", f"{at}.{key}", "null, which the definition of the function does not allow")


def _check_tools(tools: object, where: str) -> tuple[list[Finding], Declared]:
    """The problem of declared tools, as the server would refuse them, and the schemas of the functions."""
    if not is_list(tools):
        return [Finding("wrong-tools", where, "not a list")], {}
    functions = [tool.get("function") for tool in tools if is_object(tool)]
    declared = {str(each.get("name")): object_or_empty(each.get("parameters")) for each in functions if is_object(each)}
    if (problem := check_tools(tools)) is None:
        return [], declared
    code = "wrong-name" if problem.place[-1:] == ("name",) else "wrong-tools"
    return [Finding(code, place(where, *problem.place), problem.message)], declared
