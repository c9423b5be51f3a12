"""Calls of tools in answers of hosts that speak OpenAI's chat API, or something like it, as pieces of calls."""

from __future__ import annotations

import json

from fine_tuning.data_io.dialects.tool_calls import is_made
from fine_tuning.data_io.json_values import is_object, object_or_empty, parse_embedded_json
from fine_tuning.errors import ProviderError
from fine_tuning.serving.chat_types import ToolCallDelta
from fine_tuning.serving.wires.object_ids import new_id


class CallPieces:
    """Reads the calls of one answer: each gets its number, its id and its name once, and its arguments as text."""

    def __init__(self) -> None:
        self._ids: dict[int, object] = {}  # by the numbers of the calls
        self._named: set[int] = set()

    def add(self, given: object) -> ToolCallDelta:
        """A piece of a call, or a whole one.

        Raises:
            ProviderError: it is none.
        """
        if not is_object(given) or not is_object(given.get("function") or {}):
            raise ProviderError("the answer has a call of a tool that is no object")
        own, index, function = given.get("id"), given.get("index"), object_or_empty(given.get("function"))
        number = index if isinstance(index, int) else self._number(own)
        name, arguments = function.get("name"), function.get("arguments") or ""
        written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        found: ToolCallDelta = {"index": number}
        if number not in self._ids:
            self._ids[number] = own
            is_stated = isinstance(own, str) and own and not is_made(own)
            found |= {"id": str(own) if is_stated else new_id("call"), "type": "function"}
        if isinstance(name, str) and name and number not in self._named:
            self._named.add(number)
            return {**found, "function": {"name": name, "arguments": written}}
        return {**found, "function": {"arguments": written}}

    def check_named(self) -> None:
        """Check that every call has come with the name of its tool.

        Raises:
            ProviderError: one has none.
        """
        if self._ids.keys() - self._named:
            raise ProviderError("the answer calls a tool without saying which")

    def _number(self, own: object) -> int:
        """The number of a call whose host gives none: by its id, else of the last one."""
        if own is None:
            return max(self._ids, default=0)
        return next((number for number, each in self._ids.items() if each == own), len(self._ids))


class OrderedCalls:
    """Puts the pieces of each call behind those of the one before it, where a host sends several at once: not every API
    can mix them.
    """

    def __init__(self) -> None:
        self._current: int | None = None
        self._arguments = ""  # of the current one
        self._waiting: dict[int, list[ToolCallDelta]] = {}  # by the numbers of their calls

    def add(self, piece: ToolCallDelta) -> list[ToolCallDelta]:
        """The pieces that can go on: a call waits until the arguments of the one before it are whole."""
        self._waiting.setdefault(piece["index"], []).append(piece)
        ready = self._of_current()
        while self._waiting and self._is_whole():
            self._current, self._arguments = next(iter(self._waiting)), ""
            ready += self._of_current()
        return ready

    def end(self) -> list[ToolCallDelta]:
        """Those that wait still: a call may have no arguments at all."""
        return [piece for pieces in self._waiting.values() for piece in pieces]

    def _is_whole(self) -> bool:
        return self._current is None or is_object(parse_embedded_json(self._arguments))

    def _of_current(self) -> list[ToolCallDelta]:
        found = [] if self._current is None else self._waiting.pop(self._current, [])
        self._arguments += "".join((each.get("function") or {}).get("arguments") or "" for each in found)
        return found
