"""The events of a streamed response, made from the chunks of engines; the response itself grows with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, Required, TypedDict, cast

from fine_tuning.serving.chat_types import Chunk, ChunkChoice, TokenLogprob, ToolCallDelta
from fine_tuning.serving.wires.chat_objects import chunk_choice
from fine_tuning.serving.wires.object_ids import new_id
from fine_tuning.serving.wires.response_objects import (
    FunctionCall,
    OutputMessage,
    OutputText,
    Response,
    Status,
    response_usage,
    with_bytes,
)

_INCOMPLETE: dict[str | None, Literal["max_output_tokens", "content_filter"]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


class Event(TypedDict, total=False):
    """An event of a stream; its `type` decides which of the other fields it has."""

    type: Required[str]
    sequence_number: int
    response: Response
    item: OutputMessage | FunctionCall
    part: OutputText
    item_id: str
    output_index: int
    content_index: int
    delta: str
    text: str
    name: str
    arguments: str
    logprobs: list[TokenLogprob]


@dataclass
class _Begun:
    """The item that is being answered; only its end has its text or arguments."""

    item: OutputMessage | FunctionCall
    call: int | None  # its number among the calls of the chat completion
    pieces: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)


class ResponseEvents:
    """Events of one answer.

    An item is complete when the next one begins: engines write one after the other.

    Args:
        response: without an answer; `end` completes it.
        top_logprobs: that each token has.
    """

    def __init__(self, response: Response, top_logprobs: int = 0) -> None:
        self.response = response
        self._top_logprobs = top_logprobs
        self._numbers = count()
        self._item: _Begun | None = None
        self._reason: str | None = None
        self._held: list[TokenLogprob] = []  # of text that has not come yet
        self._is_begun = False

    def add(self, chunk: Chunk) -> list[Event]:
        """The events of a chunk."""
        if (counts := chunk.get("usage")) and not chunk["choices"]:
            self.response["usage"] = response_usage(counts)
        return [self._numbered(event) for choice in chunk["choices"] for event in self._choice(choice)]

    def end(self) -> list[Event]:
        """The last events; the response is complete, or incomplete where a limit cut it off."""
        return [self._numbered(event) for event in self._end()]

    def fail(self, message: str) -> list[Event]:
        """The last event of an answer that failed."""
        self._stop("failed")
        self.response["error"] = {"code": "server_error", "message": message}
        return [self._numbered(event) for event in (*self._begin(), self._whole("response.failed"))]

    def cancel(self) -> None:
        """End an answer whose reader has left."""
        self._stop("cancelled")

    def _stop(self, status: Literal["failed", "cancelled"]) -> None:
        list(self._close("incomplete"))
        self.response["status"] = status
        self.response["completed_at"] = None
        self.response["incomplete_details"] = None

    def _numbered(self, event: Event) -> Event:
        event["sequence_number"] = next(self._numbers)
        return event

    def _begin(self) -> Iterator[Event]:
        if not self._is_begun:
            self._is_begun = True
            yield self._whole("response.created")
            yield self._whole("response.in_progress")

    def _whole(self, kind: str) -> Event:
        return {"type": kind, "response": {**self.response, "output": [*self.response["output"]]}}

    def _choice(self, given: ChunkChoice) -> Iterator[Event]:
        yield from self._begin()
        choice = chunk_choice(given, self._top_logprobs)
        self._reason = choice.get("finish_reason") or self._reason
        logprobs = choice.get("logprobs")
        self._held += [cast("TokenLogprob", with_bytes({**each})) for each in (logprobs and logprobs["content"]) or []]
        if text := choice["delta"].get("content"):
            yield from self._text(text)
        for call in choice["delta"].get("tool_calls") or []:
            self._held = []  # log probabilities are of text alone
            yield from self._call(call)

    def _text(self, text: str) -> Iterator[Event]:
        if self._item is None or self._item.call is not None:
            yield from self._new_message()
        assert self._item is not None  # noqa: S101 - it was just begun
        logprobs, self._held = self._held, []
        self._item.pieces.append(text)
        self._item.logprobs += logprobs
        yield {**self._place(), "type": "response.output_text.delta", "delta": text, "logprobs": logprobs}

    def _new_message(self) -> Iterator[Event]:
        message: OutputMessage = {
            "id": new_id("msg"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        yield from self._open(_Begun(message, None))
        yield {**self._place(), "type": "response.content_part.added", "part": _part("", [])}

    def _call(self, delta: ToolCallDelta) -> Iterator[Event]:
        function = delta.get("function") or {}
        if self._item is None or self._item.call != delta["index"]:
            call: FunctionCall = {
                "id": new_id("fc"),
                "type": "function_call",
                "status": "in_progress",
                "call_id": delta.get("id") or new_id("call"),
                "name": function.get("name") or "",
                "arguments": "",
            }
            yield from self._open(_Begun(call, delta["index"]))
        if (arguments := function.get("arguments")) and self._item is not None:
            self._item.pieces.append(arguments)
            yield {**self._place(), "type": "response.function_call_arguments.delta", "delta": arguments}

    def _open(self, begun: _Begun) -> Iterator[Event]:
        yield from self._close("completed")
        self._item = begun
        self.response["output"].append(begun.item)
        shown = begun.item.copy()
        if shown["type"] == "message":
            shown["content"] = []
        yield {"type": "response.output_item.added", "output_index": self._index, "item": shown}

    @property
    def _index(self) -> int:
        return len(self.response["output"]) - 1

    def _place(self) -> Event:
        assert self._item is not None  # noqa: S101 - events of an item are made while there is one
        place: Event = {"type": "", "item_id": self._item.item["id"], "output_index": self._index}
        return place if self._item.item["type"] == "function_call" else {**place, "content_index": 0}

    def _close(self, status: Status) -> Iterator[Event]:
        """The end of the item, if there is one."""
        if self._item is None:
            return
        item, text = self._item.item, "".join(self._item.pieces)
        item["status"] = status
        if item["type"] == "message":
            part = _part(text, self._item.logprobs + self._held)
            self._held = []
            item["content"] = [part]
            yield {**self._place(), "type": "response.output_text.done", "text": text, "logprobs": part["logprobs"]}
            yield {**self._place(), "type": "response.content_part.done", "part": part}
        else:
            item["arguments"] = text
            done: Event = {"type": "response.function_call_arguments.done", "name": item["name"], "arguments": text}
            yield {**self._place(), **done}
        yield {"type": "response.output_item.done", "output_index": self._index, "item": item}
        self._item = None

    def _end(self) -> Iterator[Event]:
        yield from self._begin()
        if not self.response["output"]:
            yield from self._new_message()
        cause = _INCOMPLETE.get(self._reason)
        yield from self._close("completed" if cause is None else "incomplete")
        self.response["completed_at"] = int(time.time()) if cause is None else None
        self.response["status"] = "completed" if cause is None else "incomplete"
        self.response["incomplete_details"] = None if cause is None else {"reason": cause}
        yield self._whole(f"response.{self.response['status']}")


def _part(text: str, logprobs: list[TokenLogprob]) -> OutputText:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}
