"""What a target answers as chunks of OpenAI's chat API: whole answers, and the events of each vendor's stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Protocol

from fine_tuning.data_io.choices import first_of
from fine_tuning.data_io.dialects.conversation import texts_as_written
from fine_tuning.data_io.finish_reasons import finish_reason
from fine_tuning.data_io.formats import vendor_response
from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_list, is_object, is_one_of, object_or_empty
from fine_tuning.data_io.messages import content_text, said_content
from fine_tuning.data_io.usage import Usage as KnownUsage
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError, ProviderError
from fine_tuning.gateway.translation.call_pieces import CallPieces, OrderedCalls
from fine_tuning.gateway.translation.chat_apis import ChatApi
from fine_tuning.serving.chat_types import Chunk, Delta, ToolCallDelta, Usage, summed
from fine_tuning.serving.wires.object_ids import new_id

_FAILED = "error"  # as a finish reason


def chunk(delta: Delta, reason: str | None = None) -> Chunk:
    """A chunk of the only choice."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def call_chunk(index: int, *, call_id: str | None = None, name: str | None = None, arguments: str = "") -> Chunk:
    """A chunk of a call; its first one has id and name."""
    call: ToolCallDelta = {"index": index, "function": {"arguments": arguments}}
    if name is not None:
        call = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return chunk({"tool_calls": [call]})


def end_chunks(reason: str | None, usage: Usage | None) -> Iterator[Chunk]:
    """The last chunks: why the answer ended, and its tokens where they are known.

    Raises:
        ProviderError: it ended with an error.
    """
    if reason == _FAILED:
        raise ProviderError("the model's answer ended with an error")
    yield chunk({}, reason or "stop")
    if usage is not None:
        yield {"choices": [], "usage": usage}


def whole_chunks(body: Row) -> Iterator[Chunk]:
    """The chunks that a whole response amounts to.

    Raises:
        ProviderError: it is none, or has parts that no other API has.
    """
    try:
        with texts_as_written():
            found = vendor_response.read_choice(body)
    except DataError as error:
        raise ProviderError(str(error)) from None
    pieces = CallPieces()
    for message in found.messages:
        if text := _delta_text(message):
            yield chunk({"content": text})
        calls: object = message.get("tool_calls") or []
        for call in calls if is_list(calls) else [calls]:
            yield chunk({"tool_calls": [pieces.add(call)]})
    pieces.check_named()
    yield from end_chunks(found.finish_reason, _summed(found.usage))


def _summed(counts: Mapping[str, object] | KnownUsage | None) -> Usage | None:
    """The tokens in the words of OpenAI's chat API."""
    found = usage_of(counts)
    if found is None:
        return None
    details = {
        "prompt_tokens_details": {
            "cached_tokens": found.get("cached_tokens", 0),
            "cache_write_tokens": found.get("cache_write_tokens", 0),
        },
        "completion_tokens_details": {"reasoning_tokens": found.get("reasoning_tokens", 0)},
    }
    return summed([{**found, **details}])


class StreamReader(Protocol):
    """Reads the events of a stream.

    Attributes:
        model: that answers, as far as it is known.
        is_ended: whether the answer has come to its end.
    """

    model: str | None
    is_ended: bool

    def add(self, event: Row) -> Iterator[Chunk]:
        """The chunks of an event."""

    def end(self) -> Iterator[Chunk]:
        """The last chunks."""


class _ChatReader:
    """Reads chunks of OpenAI's chat API, also as hosts write them that only resemble it."""

    def __init__(self) -> None:
        self.model: str | None = None
        self.is_ended = False
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._calls, self._ordered = CallPieces(), OrderedCalls()

    def add(self, event: Row) -> Iterator[Chunk]:
        """See `StreamReader`."""
        self.model = self.model or _text(event.get("model"))
        self._usage = _summed(object_or_empty(event.get("usage"))) or self._usage
        choices = event.get("choices")
        for choice in map(object_or_empty, choices if is_list(choices) else []):
            given = object_or_empty(choice.get("delta"))
            delta: Delta = {}
            if text := _delta_text(given):
                delta["content"] = text
            if is_list(calls := given.get("tool_calls")) and calls:
                pieces = [each for call in calls for each in self._ordered.add(self._calls.add(call))]
                delta |= {"tool_calls": pieces} if pieces else {}
            if given.get("refusal"):
                self._reason = "content_filter"
            if (reason := choice.get("finish_reason")) is not None:
                self._reason, self.is_ended = self._reason or finish_reason(reason), True
            if delta:
                yield chunk(delta)

    def end(self) -> Iterator[Chunk]:
        """See `StreamReader`."""
        if pieces := self._ordered.end():
            yield chunk({"tool_calls": pieces})
        self._calls.check_named()
        yield from end_chunks(self._reason, self._usage)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _delta_text(delta: Mapping[str, object]) -> str:
    """The text of a piece of an answer, whose reasoning is left out.

    Raises:
        ProviderError: it is none.
    """
    try:
        return content_text(said_content(delta))
    except DataError as error:
        raise ProviderError(str(error)) from None


class _MessagesReader:
    """Reads the events of Anthropic's Messages."""

    def __init__(self) -> None:
        self.model: str | None = None
        self.is_ended = False
        self._reason: str | None = None
        self._usage: JsonObject = {}
        self._calls: dict[int | None, int] = {}  # their numbers, by the indexes of their blocks
        self._empty: set[int | None] = set()  # those without a piece of their input so far

    def add(self, event: Row) -> Iterator[Chunk]:
        """See `StreamReader`."""
        kind, given = event.get("type"), event.get("index")
        index = given if isinstance(given, int) else None
        if kind == "message_start":
            message = object_or_empty(event.get("message"))
            self.model = _text(message.get("model"))
            self._usage |= object_or_empty(message.get("usage"))
        elif kind == "content_block_start":
            yield from self._begin(index, object_or_empty(event.get("content_block")))
        elif kind == "content_block_delta":
            yield from self._delta(index, object_or_empty(event.get("delta")))
        elif kind == "content_block_stop" and index in self._empty:
            yield call_chunk(self._calls[index], arguments="{}")
        elif kind == "message_delta":
            self._usage |= {key: each for key, each in object_or_empty(event.get("usage")).items() if each is not None}
            stated = object_or_empty(event.get("delta")).get("stop_reason")
            self._reason = finish_reason(stated) or self._reason
        elif kind == "message_stop":
            self.is_ended = True

    def _begin(self, index: int | None, block: Row) -> Iterator[Chunk]:
        kind = block.get("type")
        if kind == "text" and (text := block.get("text")):
            yield chunk({"content": str(text)})
        elif kind == "tool_use":
            number = self._calls[index] = len(self._calls)
            given = json.dumps(block["input"], ensure_ascii=False) if block.get("input") else ""
            self._empty |= set() if given else {index}
            yield call_chunk(number, call_id=str(block.get("id")), name=str(block.get("name")), arguments=given)
        elif not is_one_of(kind, {"text", "thinking", "redacted_thinking"}):
            raise ProviderError(f"the answer has a block of type {kind!r}, which no other API has")

    def _delta(self, index: int | None, delta: Row) -> Iterator[Chunk]:
        if text := delta.get("text"):
            yield chunk({"content": str(text)})
        if (piece := delta.get("partial_json")) and index in self._calls:
            self._empty.discard(index)
            yield call_chunk(self._calls[index], arguments=str(piece))

    def end(self) -> Iterator[Chunk]:
        """See `StreamReader`."""
        return end_chunks(self._reason, _summed(self._usage))


class _ContentsReader:
    """Reads the responses of a stream of Gemini's, whose calls come whole."""

    def __init__(self) -> None:
        self.model: str | None = None
        self.is_ended = False
        self._reason: str | None = None
        self._usage: Row = {}
        self._calls = 0

    def add(self, event: Row) -> Iterator[Chunk]:
        """See `StreamReader`."""
        self.model = self.model or _text(event.get("modelVersion"))
        if is_object(usage := event.get("usageMetadata")):
            if not self._usage and isinstance(counted := usage.get("promptTokenCount"), int):
                yield {"choices": [], "prompt_tokens": counted}
            self._usage = usage
        if vendor_response.is_blocked(event):
            self._reason, self.is_ended = "content_filter", True
        candidate = first_of(event.get("candidates"))
        parts = object_or_empty(candidate.get("content")).get("parts")
        for part in map(object_or_empty, parts if is_list(parts) else []):
            yield from self._part(part)
        if (stated := candidate.get("finishReason")) is not None:
            self._reason, self.is_ended = finish_reason(stated), True

    def _part(self, part: Row) -> Iterator[Chunk]:
        if part.get("thought"):
            return
        call, text = first_value(part, "functionCall"), part.get("text")
        if is_object(call):
            call_id, arguments = call.get("id") or new_id("call"), json.dumps(call.get("args") or {})
            yield call_chunk(self._calls, call_id=str(call_id), name=str(call.get("name")), arguments=arguments)
            self._calls += 1
        elif isinstance(text, str):
            if text:
                yield chunk({"content": text})
        elif kinds := sorted(key for key in part if key != "thoughtSignature"):
            raise ProviderError(f"the answer has a part with {kinds[0]}, which no other API has")

    def end(self) -> Iterator[Chunk]:
        """See `StreamReader`."""
        is_call = self._calls and self._reason == "stop"
        return end_chunks("tool_calls" if is_call else self._reason, _summed(self._usage))


def stream_reader(api: ChatApi) -> StreamReader:
    """A reader of the events of an API."""
    readers: dict[ChatApi, type[StreamReader]] = {"messages": _MessagesReader, "contents": _ContentsReader}
    return readers.get(api, _ChatReader)()
