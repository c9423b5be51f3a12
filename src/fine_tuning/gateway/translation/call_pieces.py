"""Calls of tools in answers of hosts that speak OpenAI's chat API, or something like it, as pieces of calls."""

from __future__ import annotations

import json

from fine_tuning.data_io.dialects.tool_calls import is_made
from fine_tuning.data_io.json_values import is_object, object_or_empty
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
