"""Results of tools, and the calls that they answer, where they do not say it by an id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, cast

from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.dialects.tool_calls import NAME_KEYS, is_made
from fine_tuning.data_io.json_values import Row, first_value, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, ToolCall

_TAGGED_RESULT = re.compile(r"<tool_response>\s*(.*?)\s*</tool_response>", re.DOTALL)


class Result(NamedTuple):
    """The result of a call; the id or the name of the call may be missing.

    Attributes:
        is_error: whether the tool failed, and this is why.
    """

    call_id: str | None
    name: str | None
    content: object
    is_error: bool = False


def result_of(given: Row) -> Result:
    """The result in a message or part, in any vendor's words."""
    own = first_value(given, "tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "call_id")
    name = first_value(given, *NAME_KEYS)
    keys = ("content", "output", "result", "response", "value")
    content = next((given[key] for key in keys if given.get(key) is not None), "")
    return Result(
        None if own is None else str(own), name if isinstance(name, str) else None, content, has_failed(given)
    )


def has_failed(given: Row) -> bool:
    """Whether a result says beside its text that the tool failed, as Anthropic, Bedrock, LangChain and MCP have it."""
    return given.get("is_error") is True or given.get("isError") is True or given.get("status") == "error"


def tagged_results(text: str) -> list[str] | None:
    """The texts of `<tool_response>` elements; None where the text has others, or none."""
    if "<tool_response>" not in text or _TAGGED_RESULT.sub("", text).strip():
        return None
    return _TAGGED_RESULT.findall(text)


class Unanswered:
    """The calls of a conversation that have no result yet."""

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []

    def add(self, message: Message) -> None:
        """Take note of a message's calls; those before it, without a result, are over."""
        calls: object = message.get("tool_calls")
        if calls:  # what is no call is left to the checks
            self._calls = [cast("ToolCall", each) for each in (calls if is_list(calls) else []) if _is_call(each)]

    def __len__(self) -> int:
        return len(self._calls)

    def of_all(self, results: Sequence[Result]) -> list[Result] | None:
        """A result for each call, where the only result is of all of them; None where it is not.

        It is a list with one for each, or one text, of which the first call has all. That is noted. A
        text that names its function is of one call, also where all are of that function: the others have none.
        """
        if len(results) != 1 or len(self._calls) < 2 or results[0].call_id is not None:
            return None
        if results[0].name is not None and any(call["function"]["name"] != results[0].name for call in self._calls):
            return None
        parsed = parse_embedded_json(results[0].content)
        is_for_each = is_list(parsed) and len(parsed) == len(self._calls)
        if not is_for_each:
            if results[0].name is not None:
                return None
            unread_keys.note({"results of the other parallel calls": True}, (), "tool")
        found = parsed if is_list(parsed) and is_for_each else [results[0].content, *[""] * (len(self._calls) - 1)]
        return [results[0]._replace(content=each) for each in found]

    def take(self, results: Sequence[Result]) -> list[str | None]:
        """The id of the call that each result answers: its own, else by its name, else in order; None without calls.

        The id of a result means nothing where the calls have none.
        """
        found: dict[int, str | None] = {}
        for at, result in enumerate(results):
            if result.call_id is not None and self._has(result.call_id):
                found[at] = self._taken([call for call in self._calls if call["id"] == result.call_id])
        for at, result in enumerate(results):
            if at not in found and result.name is not None:
                named = [call for call in self._open_to(result) if call["function"]["name"] == result.name]
                found |= {at: self._taken(named)} if named else {}
        for at, result in enumerate(results):
            if at not in found:
                found[at] = self._taken(self._open_to(result)) or result.call_id
        return [found[at] for at in range(len(results))]

    def _has(self, call_id: str) -> bool:
        return any(call["id"] == call_id for call in self._calls)

    def _open_to(self, result: Result) -> list[ToolCall]:
        """The calls that a result may answer, as far as ids say."""
        return [call for call in self._calls if result.call_id is None or is_made(call["id"])]

    def _taken(self, calls: Sequence[ToolCall]) -> str | None:
        if not calls:
            return None
        self._calls.remove(calls[0])
        return calls[0]["id"]


def _is_call(value: object) -> bool:
    function = value.get("function") if is_object(value) else None
    return is_object(value) and "id" in value and is_object(function) and "name" in function
