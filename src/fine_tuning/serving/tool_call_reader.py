"""Tool calls in the text of an answer, read while it is generated: the JSON that `tool_prompt` asks for."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import regex

from fine_tuning.data_io.formats.tool_prompt import TOOL_CALLS
from fine_tuning.serving.chat_types import Delta, ToolCallDelta

# Models that were trained on other tools write the JSON into a fence, and white space as they like.
_BEGINNING = regex.compile(rf'\s*(?:```(?:json)?\s*)?(?P<json>\{{\s*"{TOOL_CALLS}"\s*:)\s*\[')
_NAME = regex.compile(r'[\s,]*\{\s*"name"\s*:\s*(?P<text>"(?:[^"\\]|\\.)*")')
_ARGUMENTS = regex.compile(r'\s*,\s*"arguments"\s*:\s*(?=\{)')
_END = regex.compile(r"\s*\}")
Pattern: TypeAlias = Any  # of `regex`, which has no types
Match: TypeAlias = Any


class ToolCallReader:
    """Divides an answer into text and tool calls, piece by piece.

    Text streams until it may be the beginning of a call; then the name of each call is known as soon as it is complete,
    and its arguments stream. Where the answer ends within a call, so does the call. Text after calls is left out.

    Args:
        limit: the number of calls after which further ones are left out; None for no limit.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._begun_calls = 0
        self._held, self._has_text = "", False  # what is held is not yet known; text does not begin as a call does
        self._json = ""  # the whole call, as it was written
        self._next: Callable[[], Iterator[Delta] | None] = self._text
        self._has_arguments = True  # the call that was begun last
        self._depth, self._in_string, self._is_escaped = 0, False, False

    @property
    def calls(self) -> int:
        """The calls so far, but those left out."""
        return self._begun_calls if self._limit is None else min(self._begun_calls, self._limit)

    @property
    def is_complete(self) -> bool:
        """Whether the list of calls has ended."""
        if self._next == self._irregular:
            return self._whole() is not None
        return bool(self._json) and self._next == self._name and self._held.lstrip().startswith("]")

    def add(self, piece: str) -> list[Delta]:
        """What a piece of the answer adds to the message."""
        if self._json:
            self._json += piece
        self._held += piece
        return list(self._read())

    def end(self, *, is_cut: bool = False) -> list[Delta]:
        """What is left at the end of the answer; `is_cut` off, it may be the first words of a call."""
        if not self._json:
            may_call = '{"' in self._held or (not self._has_text and "{" in self._held)
            return [{"content": self._held}] if self._held and not (is_cut and may_call) else []
        return list(self._irregular_calls()) if self._next == self._irregular else []

    def _read(self) -> Iterator[Delta]:
        while (found := self._next()) is not None:
            yield from found

    def _text(self) -> Iterator[Delta] | None:
        match = _BEGINNING.search(self._held, partial=True)
        before = self._held[: match.start()]
        self._has_text = self._has_text or bool(before.strip())
        if match.partial:
            self._held = self._held[match.start() :]
            return _added(before) if before else None
        self._json, self._held = self._held[match.start("json") :], self._held[match.end() :]
        self._next = self._name
        return _added(before)

    def _name(self) -> Iterator[Delta] | None:
        if self._held.lstrip().startswith("]"):
            return None
        match = self._matched(_NAME, self._arguments)
        return None if match is None else self._call(_encodable(json.loads(match["text"])))

    def _arguments(self) -> Iterator[Delta] | None:
        return None if self._matched(_ARGUMENTS, self._object) is None else iter(())

    def _object(self) -> Iterator[Delta] | None:
        end = self._object_end()
        if not end:
            return None
        text, self._held = self._held[:end], self._held[end:]
        if not self._depth:
            self._next = self._end
        return self._more_arguments(text)

    def _end(self) -> Iterator[Delta] | None:
        return None if self._matched(_END, self._name) is None else iter(())

    def _irregular(self) -> Iterator[Delta] | None:
        """JSON in another order or with other keys is read when it is complete."""
        return None

    def _matched(self, pattern: Pattern, then: Callable[[], Iterator[Delta] | None]) -> Match | None:
        """Take from what is held what `pattern` matches; None where it does not match, or more text is needed."""
        match = pattern.match(self._held, partial=True)
        if match is None:
            self._next = self._irregular
        if match is None or match.partial:
            return None
        self._held, self._next = self._held[match.end() :], then
        return match

    def _object_end(self) -> int:
        """How much of what is held belongs to the object that is being read."""
        for place, character in enumerate(self._held):
            if self._in_string:
                self._is_escaped, self._in_string = (
                    character == "\\" and not self._is_escaped,
                    character != '"' or self._is_escaped,
                )
            elif character == '"':
                self._in_string = True
            elif character in "{}":
                self._depth += 1 if character == "{" else -1
                if not self._depth:
                    return place + 1
        return len(self._held)

    def _call(self, name: str) -> Iterator[Delta]:
        self._begun_calls += 1
        self._has_arguments = False
        if not self._is_left_out():
            call: ToolCallDelta = {
                "index": self._begun_calls - 1,
                "id": f"call_{uuid.uuid4().hex[:24]}",
                "type": "function",
            }
            yield {"tool_calls": [{**call, "function": {"name": name, "arguments": ""}}]}

    def _more_arguments(self, text: str) -> Iterator[Delta]:
        self._has_arguments = True
        if not self._is_left_out():
            yield {"tool_calls": [{"index": self._begun_calls - 1, "function": {"arguments": text}}]}

    def _is_left_out(self) -> bool:
        return self._limit is not None and self._begun_calls > self._limit

    def _whole(self) -> list[object] | None:
        """The calls of the whole JSON; None where it is cut off, or broken."""
        try:
            found: list[object] = json.JSONDecoder().raw_decode(self._json)[0][TOOL_CALLS]
        except (ValueError, RecursionError):
            return None
        return found

    def _irregular_calls(self) -> Iterator[Delta]:
        for call in (self._whole() or [])[self._begun_calls - (not self._has_arguments) :]:
            function = call.get("function", call) if isinstance(call, Mapping) else None
            if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
                continue
            if self._has_arguments:
                yield from self._call(_encodable(function["name"]))
            arguments = function.get("arguments", function.get("parameters"))
            yield from self._more_arguments(_encodable(_as_text({} if arguments is None else arguments)))


def _added(text: str) -> Iterator[Delta]:
    if text:
        yield {"content": text}


def _as_text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _encodable(text: str) -> str:
    """Without lone surrogates, which a model can write as escapes and UTF-8 cannot encode."""
    return text.encode(errors="replace").decode()
