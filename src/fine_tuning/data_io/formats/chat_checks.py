"""What is wrong with a conversation for training, as strictly as the hosts that train on it look.

Rules: OpenAI's guide to data for fine-tuning, https://platform.openai.com/docs/guides/supervised-fine-tuning, and the
schemas FineTuneChatRequestInput and FineTunePreferenceRequestInput of its API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fine_tuning.data_io.formats.findings import Finding

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
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_row(row: Mapping[str, Any]) -> list[Finding]:
    """Everything that is wrong with a row of chat, or with a pair of answers."""
    if "preferred_output" in row:
        return list(_pair(row))
    return list(_chat(row))


def _chat(row: Mapping[str, Any]) -> Iterator[Finding]:
    for key in row.keys() - _ROW_KEYS:
        yield Finding("unknown-key", key, "trainers know no such key")
    names: set[str] | None = None
    if row.get("tools") is not None:
        problems, names = _tools(row["tools"], "tools")
        yield from problems
    messages = row.get("messages")
    yield from _messages(messages, "messages", names)
    if isinstance(messages, list) and messages and all(isinstance(each, dict) for each in messages):
        if messages[-1].get("role") != "assistant":
            yield Finding("last-not-assistant", f"messages[{len(messages) - 1}]", "the last message is not an answer")
        if not any(each.get("role") == "assistant" and each.get("weight", 1) != 0 for each in messages):
            yield Finding("nothing-to-learn", "messages", "there is no message of the assistant to learn")


def _pair(row: Mapping[str, Any]) -> Iterator[Finding]:
    for key in row.keys() - _PAIR_KEYS:
        yield Finding("unknown-key", key, "trainers know no such key")
    given = row.get("input")
    if not isinstance(given, dict):
        yield Finding("no-messages", "input", "input is missing or no object")
        return
    names: set[str] | None = None
    if given.get("tools"):
        problems, names = _tools(given["tools"], "input.tools")
        yield from problems
    yield from _messages(given.get("messages"), "input.messages", names)
    for key in ("preferred_output", "non_preferred_output"):
        answer = row.get(key)
        if not isinstance(answer, list) or not answer or any(_role(each) != "assistant" for each in answer):
            yield Finding("wrong-answer", key, "not a list of messages of the assistant")
        else:
            yield from _messages(answer, key, names)
    if row.get("preferred_output") == row.get("non_preferred_output"):
        yield Finding("same-answers", "non_preferred_output", "both answers are the same")


def _messages(messages: Any, where: str, tools: set[str] | None) -> Iterator[Finding]:
    if not isinstance(messages, list) or not messages:
        yield Finding("no-messages", where, "missing, empty or no list")
        return
    waiting: dict[str, str] = {}
    before = None
    for index, message in enumerate(messages):
        at = f"{where}[{index}]"
        if not isinstance(message, dict):
            yield Finding("not-a-message", at, f"a {type(message).__name__}, not an object")
            continue
        role = _role(message)
        if role not in ROLES:
            yield Finding("unknown-role", f"{at}.role", f"{message.get('role')!r} is no role")
            continue
        if role != "tool" and waiting:
            yield Finding("unanswered-call", at, f"the call {next(iter(waiting))!r} has no result before this message")
            waiting = {}
        if role in {"system", "developer"} and index:
            yield Finding("system-not-first", at, f"a {role} message after others")
        if role == before and role in {"user", "assistant"}:
            yield Finding("same-role-twice", at, f"two messages of the {role} in a row")
        yield from _message(message, role, at)
        if role == "tool":
            yield from _result(message, at, waiting)
        elif message.get("tool_calls") is not None:
            yield from _calls(message["tool_calls"], f"{at}.tool_calls", waiting, tools)
        before = role
    # Calls of the last message are what the row teaches; nobody has answered them yet.


def _role(message: Any) -> str | None:
    role = message.get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) else None


def _message(message: Mapping[str, Any], role: str, at: str) -> Iterator[Finding]:
    for key in message.keys() - _MESSAGE_KEYS[role]:
        if key == "weight":
            yield Finding("wrong-weight", f"{at}.weight", f"a message of the {role} has no weight")
        elif key in {"tool_calls", "tool_call_id"}:
            yield Finding("wrong-tool-call", f"{at}.{key}", f"a message of the {role} has no {key}")
        else:
            yield Finding("unknown-message-key", f"{at}.{key}", f"a message of the {role} has no {key}")
    weight = message.get("weight", 1)
    if role == "assistant" and (isinstance(weight, bool) or weight not in (0, 1)):
        yield Finding("wrong-weight", f"{at}.weight", f"{weight!r} is neither 0 nor 1")
    name = message.get("name")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        yield Finding("wrong-name", f"{at}.name", f"{name!r} is no name")
    says_otherwise = role == "assistant" and (message.get("tool_calls") or message.get("refusal"))
    if message.get("content") is not None or not says_otherwise:
        yield from _content(message, role, f"{at}.content")


def _content(message: Mapping[str, Any], role: str, at: str) -> Iterator[Finding]:
    content = message.get("content")
    if isinstance(content, str):
        if role != "tool" and not content.strip():
            yield Finding("empty-content", at, "no text but white space" if content else "no text")
    elif content is None:
        yield Finding("empty-content", at, "missing")
    elif not isinstance(content, list):
        yield Finding("wrong-content", at, f"a {type(content).__name__}, neither text nor parts")
    elif not content:
        yield Finding("empty-content", at, "no parts")
    else:
        for index, part in enumerate(content):
            yield from _part(part, role, f"{at}[{index}]")


def _part(part: Any, role: str, at: str) -> Iterator[Finding]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        if not isinstance(part.get("text"), str):
            yield Finding("wrong-content", f"{at}.text", "missing or no text")
        elif role != "tool" and not part["text"].strip():
            yield Finding("empty-content", f"{at}.text", "no text")
    elif kind != "image_url" or role != "user":
        yield Finding("wrong-content", at, f"a part of type {kind!r} in a message of the {role}")
    elif not isinstance(part.get("image_url"), dict) or not isinstance(part["image_url"].get("url"), str):
        yield Finding("wrong-content", f"{at}.image_url.url", "missing or no text")


def _calls(calls: Any, where: str, waiting: dict[str, str], tools: set[str] | None) -> Iterator[Finding]:
    if not isinstance(calls, list) or not calls:
        yield Finding("wrong-tool-call", where, "not a list of calls")
        return
    for index, call in enumerate(calls):
        at = f"{where}[{index}]"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or call.get("type") != "function" or not isinstance(call.get("id"), str):
            yield Finding("wrong-tool-call", at, "a call needs id, type 'function' and function")
            continue
        name = function.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield Finding("wrong-name", f"{at}.function.name", f"{name!r} is no name of a function")
        elif tools is not None and name not in tools:
            yield Finding("undeclared-tool", f"{at}.function.name", f"{name!r} is not among the row's tools")
        if not _is_json_object(function.get("arguments")):
            yield Finding("wrong-tool-call", f"{at}.function.arguments", "not the JSON text of an object")
        if call["id"] in waiting:
            yield Finding("wrong-tool-call", f"{at}.id", f"{call['id']!r} was used before")
        waiting[call["id"]] = at


def _result(message: Mapping[str, Any], at: str, waiting: dict[str, str]) -> Iterator[Finding]:
    asked = message.get("tool_call_id")
    if not isinstance(asked, str) or waiting.pop(asked, None) is None:
        yield Finding("unasked-result", f"{at}.tool_call_id", f"no call {asked!r} waits for a result")


def _is_json_object(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _tools(tools: Any, where: str) -> tuple[list[Finding], set[str]]:
    """What is wrong with declared tools, and the names of those that are right."""
    if not isinstance(tools, Sequence) or isinstance(tools, str):
        return [Finding("wrong-tools", where, "not a list")], set()
    problems, names = [], set()
    for index, tool in enumerate(tools):
        at = f"{where}[{index}]"
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or tool.get("type") != "function":
            problems.append(Finding("wrong-tools", at, "a tool needs type 'function' and function"))
            continue
        name, parameters = function.get("name"), function.get("parameters", {})
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.append(Finding("wrong-name", f"{at}.function.name", f"{name!r} is no name of a function"))
        elif name in names:
            problems.append(Finding("wrong-tools", f"{at}.function.name", f"{name!r} is declared twice"))
        else:
            names.add(name)
        if not isinstance(parameters, dict):
            problems.append(Finding("wrong-tools", f"{at}.function.parameters", "not a JSON schema"))
    return problems, names
