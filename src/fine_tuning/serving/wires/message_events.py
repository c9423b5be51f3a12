"""The events of a streamed message, made from the chunks of engines; the message itself grows with them.

Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Required, TypedDict

from fine_tuning._util.files import parse_json
from fine_tuning.data_io.json_values import JsonObject, is_object
from fine_tuning.errors import DataError, ProviderError
from fine_tuning.serving.chat_types import Chunk, ChunkChoice, ToolCallDelta, Usage
from fine_tuning.serving.wires.chat_objects import chunk_choice
from fine_tuning.serving.wires.message_objects import Message, MessageUsage, StopReason, Text, ToolUse, message_usage
from fine_tuning.serving.wires.object_ids import new_id

_CUT: dict[str | None, StopReason] = {"length": "max_tokens", "content_filter": "refusal"}


class Event(TypedDict, total=False):
    """An event of a stream; its `type` decides which of the other fields it has."""

    type: Required[str]
    message: Message
    index: int
    content_block: Text | ToolUse
    delta: dict[str, str | None]
    usage: MessageUsage


@dataclass
class _Begun:
    """The block that is being answered; only its end has its text or input."""

    block: Text | ToolUse
    call: int | None  # its number among the calls of the chat completion
    pieces: list[str] = field(default_factory=list)


class MessageEvents:
    """Events of one answer.

    A block is complete when the next one begins: engines write one after the other.

    Args:
        message: without an answer; `end` completes it.
        stops: the texts of which one may end the answer.
        usage: writes token counts.
    """

    def __init__(
        self,
        message: Message,
        stops: Collection[str] = (),
        usage: Callable[[Usage], MessageUsage] = message_usage,
    ) -> None:
        self.message = message
        self._stops, self._usage = stops, usage
        self._block: _Begun | None = None
        self._reason: str | None = None
        self._is_begun = False

    def add(self, chunk: Chunk) -> list[Event]:
        """The events of a chunk.

        Raises:
            ProviderError: a call is complete, and its arguments are no JSON object.
        """
        return list(self._add(chunk))

    def end(self) -> list[Event]:
        """The last events; the message is complete.

        Raises:
            ProviderError: as for `add`.
        """
        return list(self._end())

    def _add(self, chunk: Chunk) -> Iterator[Event]:
        if (counted := chunk.get("prompt_tokens")) is not None:
            self.message["usage"]["input_tokens"] = counted
            yield from self._begin()
        if (counts := chunk.get("usage")) and not chunk["choices"]:
            self.message["usage"] = self._usage(counts)
        for choice in chunk["choices"]:
            yield from self._choice(choice)

    def _begin(self) -> Iterator[Event]:
        if not self._is_begun:
            self._is_begun = True
            usage = self.message["usage"].copy()
            yield {"type": "message_start", "message": {**self.message, "content": [], "usage": usage}}

    def _choice(self, given: ChunkChoice) -> Iterator[Event]:
        yield from self._begin()
        choice = chunk_choice(given, 0)
        self._reason = choice.get("finish_reason") or self._reason
        if (stop := given.get("stop_reason")) in self._stops and isinstance(stop, str):
            self.message["stop_sequence"] = stop
        if text := choice["delta"].get("content"):
            if self._block is None or self._block.call is not None:
                yield from self._open(_Begun({"type": "text", "text": "", "citations": None}, None))
            yield self._delta(text, {"type": "text_delta", "text": text})
        for call in choice["delta"].get("tool_calls") or []:
            yield from self._call(call)

    def _call(self, delta: ToolCallDelta) -> Iterator[Event]:
        function = delta.get("function") or {}
        if self._block is None or self._block.call != delta["index"]:
            name, call_id = function.get("name") or "", delta.get("id") or new_id("toolu")
            block: ToolUse = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            yield from self._open(_Begun(block, delta["index"]))
        if arguments := function.get("arguments"):
            yield self._delta(arguments, {"type": "input_json_delta", "partial_json": arguments})

    def _delta(self, piece: str, delta: dict[str, str | None]) -> Event:
        assert self._block is not None  # noqa: S101 - pieces are of a block that was just begun
        self._block.pieces.append(piece)
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _open(self, begun: _Begun) -> Iterator[Event]:
        yield from self._close(is_cut=False)
        self._block = begun
        self.message["content"].append(begun.block)
        shown = begun.block.copy()
        yield {"type": "content_block_start", "index": self._index, "content_block": shown}
        if self._index == 0:
            yield {"type": "ping"}

    @property
    def _index(self) -> int:
        return len(self.message["content"]) - 1

    def _close(self, *, is_cut: bool) -> Iterator[Event]:
        """The end of the block, if there is one."""
        if self._block is None:
            return
        block, written = self._block.block, "".join(self._block.pieces)
        if block["type"] == "text":
            block["text"] = written
        else:
            block["input"] = _input(block["name"], written, is_cut=is_cut)
        yield {"type": "content_block_stop", "index": self._index}
        self._block = None

    def _end(self) -> Iterator[Event]:
        yield from self._begin()
        cut = _CUT.get(self._reason)
        is_stopped = self.message["stop_sequence"] is not None and self._reason == "stop"
        yield from self._close(is_cut=cut is not None or is_stopped)
        calls = any(block["type"] == "tool_use" for block in self.message["content"])
        if cut is not None or (calls and not is_stopped):
            self.message["stop_sequence"] = None
            self.message["stop_reason"] = cut or "tool_use"
        else:
            self.message["stop_reason"] = "end_turn" if self.message["stop_sequence"] is None else "stop_sequence"
        delta = {"stop_reason": self.message["stop_reason"], "stop_sequence": self.message["stop_sequence"]}
        yield {"type": "message_delta", "delta": {**delta}, "usage": self.message["usage"]}
        yield {"type": "message_stop"}


def _input(name: str, written: str, *, is_cut: bool) -> JsonObject:
    """The input of a call; empty where it was cut off, which the reason of the stop says."""
    try:
        found: object = parse_json(written.encode()) if written.strip() else {}
    except DataError:
        found = None
    if is_object(found):
        return found
    if is_cut:
        return {}
    raise ProviderError(f"the model called {name} with arguments that are no JSON object: {written[:100]}")
