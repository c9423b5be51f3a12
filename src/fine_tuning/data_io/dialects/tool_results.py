"""Results of tools, and the calls that they answer, where they do not say it by an id."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
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
    """The calls of a conversation that have no result yet.

    A message may have thousands: they are found by their ids and names, not one after the other.
    """

    def __init__(self) -> None:
        self._joined = 0
        self._calls: dict[int, ToolCall] = {}  # by their places
        self._places: dict[tuple[object, ...], deque[int]] = {}  # by what a result may know a call by

    def add(self, message: Message) -> None:
        """Take note of a message's calls; those before it, without a result, are over."""
        calls: object = message.get("tool_calls")
        if calls:
            self._calls, self._places = {}, {}
            self.join(calls if is_list(calls) else [])

    def join(self, calls: Sequence[object]) -> None:
        """Take note of further calls of the same message; what is no call is left to the checks."""
        for call in (cast("ToolCall", each) for each in calls if _is_call(each)):
            self._joined += 1
            self._calls[self._joined] = call
            for group in _groups(call):
                self._places.setdefault(group, deque()).append(self._joined)

    def __len__(self) -> int:
        return len(self._calls)

    def of_all(self, results: Sequence[Result]) -> list[Result] | None:
        """A result for each call, where the only result is of all of them; None where it is not.

        It is a list with one for each, or one text, of which the first call has all. That is noted. A
        text that names its function is of one call, also where all are of that function: the others have none.
        """
        if len(results) != 1 or len(self._calls) < 2 or results[0].call_id is not None:
            return None
        if results[0].name is not None and any(
            call["function"]["name"] != results[0].name for call in self._calls.values()
        ):
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
        found: dict[int, str] = {}
        for at, result in enumerate(results):
            if result.call_id is not None and (own := self._taken((result.call_id,))) is not None:
                found[at] = own
        for at, result in enumerate(results):
            if at not in found and result.name is not None:
                named = self._taken((result.call_id is None, result.name))
                found |= {} if named is None else {at: named}
        left = (at for at in range(len(results)) if at not in found)
        others = {at: self._taken((results[at].call_id is None, None)) or results[at].call_id for at in left}
        return [found[at] if at in found else others[at] for at in range(len(results))]

    def _taken(self, group: tuple[object, ...]) -> str | None:
        """The id of the first call of a group, which has its result now; None where there is none left."""
        places = self._places.get(group, deque())
        while places:
            if (call := self._calls.pop(places.popleft(), None)) is not None:
                return call["id"]
        return None


def _groups(call: ToolCall) -> Iterator[tuple[object, ...]]:
    """What a result may know a call by: its id; or that, where it has no id, any call may be meant, else one whose id
    says nothing; with or without the name of its function.
    """
    call_id, name = call["id"], call["function"]["name"]
    yield (call_id,)
    for is_open in (True, False) if is_made(call_id) else (True,):
        if isinstance(name, str):
            yield (is_open, name)
        yield (is_open, None)


def _is_call(value: object) -> bool:
    function = value.get("function") if is_object(value) else None
    return is_object(value) and isinstance(value.get("id"), str) and is_object(function) and "name" in function
