"""A call for a target that speaks another wire: its request, and its answer as the application expects it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from http import HTTPStatus
from typing import NamedTuple

from fastapi.concurrency import run_in_threadpool

from fine_tuning._util.json_counts import is_bounded
from fine_tuning._util.large_bodies import read_beside
from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.data_io.json_values import Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.errors import DataError, ProviderError
from fine_tuning.gateway.content_encodings import decoded
from fine_tuning.gateway.exchanges import Exchange, encoding_of
from fine_tuning.gateway.http_headers import Headers
from fine_tuning.gateway.kept_bodies import BodyLimits, KeptBody
from fine_tuning.gateway.replies import BrokenOff, Reply, WholeReply
from fine_tuning.gateway.translation.answer_chunks import StreamReader, stream_reader, whole_chunks
from fine_tuning.gateway.translation.answers import Answer, answer_of
from fine_tuning.gateway.translation.canonical_request import CanonicalRequest, read_chat, untranslatable
from fine_tuning.gateway.translation.chat_apis import ChatApi, path_of, wire_of_api
from fine_tuning.gateway.translation.chat_body import chat_body
from fine_tuning.gateway.translation.contents_body import contents_body
from fine_tuning.gateway.translation.event_reader import EventReader
from fine_tuning.gateway.translation.messages_body import messages_body
from fine_tuning.gateway.wire_errors import GatewayError, error_body
from fine_tuning.serving.chat_types import Chunk

MAX_ANSWER_BYTES = 16 << 20
_TURN_BYTES = 16 << 10  # of a stream, which may have hundreds of events
_LONGEST_MESSAGE = 1000  # characters of a page that is no JSON
_PASSED = (b"retry-after", b"retry-after-ms", b"x-should-retry", b"request-id", b"x-request-id")
_STREAM = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


class TranslatedCall(NamedTuple):
    """A call as its target takes it.

    Attributes:
        api: of the target.
        path: with its query.
    """

    request: CanonicalRequest
    api: ChatApi
    model: str
    path: str
    body: bytes

    @classmethod
    def of(
        cls, client_api: ChatApi, api: ChatApi, fields: Row, model: str, *, has_only_chat: bool = False
    ) -> TranslatedCall:
        """The call of an application.

        Args:
            fields: of the request.
            has_only_chat: the target speaks chat completions and nothing else of OpenAI's API.

        Raises:
            GatewayError: 400, the other API cannot express it; the message names what.
        """
        request = read_chat(client_api, fields, api)
        if api == "chat":
            body = chat_body(request, model, has_only_chat=has_only_chat)
        else:
            body = messages_body(request, model) if api == "messages" else contents_body(request, model)
        path = path_of(api, model, is_streamed=request.is_streamed)
        try:
            text = json.dumps(body, ensure_ascii=False, allow_nan=False)
        except ValueError:
            raise untranslatable("the request has a number that JSON has not: NaN or an infinite one") from None
        return cls(request, api, model, path, _encoded(text))

    async def translated(self, reply: Reply, exchange: Exchange) -> Reply:
        """The reply of the target as one of the application's API; an error and a whole answer are read first.

        Args:
            exchange: whose memory is for what is read, and which gets the tokens that the target states.

        Raises:
            GatewayError: 502, the answer broke off, or is none that can be translated.
        """
        kind = next((value for name, value in reply.headers if name.lower() == b"content-type"), b"")
        is_stream = self.request.is_streamed and reply.status == HTTPStatus.OK and kind.startswith(b"text/event-stream")
        passed = [each for each in reply.headers if each[0].lower() in _PASSED]
        if is_stream and encoding_of(reply.headers) in {"", "identity"}:
            return _StreamedReply(reply, [*_STREAM, *passed], self, exchange)
        try:
            return await self._whole(reply, passed, exchange)
        finally:
            reply.close()

    async def _whole(self, reply: Reply, passed: Headers, exchange: Exchange) -> Reply:
        text, found = await _body(reply, exchange.limits.memory)
        if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            shown = error_body(wire_of_api(self.request.api), reply.status, *_error(found, text))
            return _written(reply.status, shown, passed)
        if not is_object(found):
            raise _failed("its answer is no object of JSON")
        model = found.get("model") or found.get("modelVersion")
        answer = answer_of(self.request, model if isinstance(model, str) else self.model)
        try:
            chunks = _with_usage_noted(whole_chunks(found), exchange)
            return await read_beside(len(text), self._answered, reply.status, answer, chunks, passed)
        except ProviderError as error:
            raise _failed(str(error)) from None

    def _answered(self, status: int, answer: Answer, chunks: Iterator[Chunk], passed: Headers) -> Reply:
        events = [*map(answer.add, chunks), answer.end()]
        if self.request.is_streamed:  # of a host that does not
            return WholeReply(status, [*_STREAM, *passed], _encoded("".join(events)))
        return _written(status, answer.whole(), passed)


def _with_usage_noted(chunks: Iterator[Chunk], exchange: Exchange) -> Iterator[Chunk]:
    """The chunks; their tokens are what the call costs, also where the application's stream does not say them."""
    for chunk in chunks:
        exchange.usage = chunk.get("usage") or exchange.usage
        yield chunk


def _encoded(text: str) -> bytes:
    """A text, of which half a surrogate pair, which no bytes can be, becomes a question mark."""
    return text.encode("utf-8", "replace")


def _written(status: int, body: Mapping[str, object], passed: Headers) -> WholeReply:
    text = _encoded(json.dumps(body, ensure_ascii=False))
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    return WholeReply(status, [*head, *passed], text)


class _StreamedReply:
    """A stream, each piece of which is passed on when it comes."""

    def __init__(self, reply: Reply, headers: Headers, call: TranslatedCall, exchange: Exchange) -> None:
        self.status, self.headers = int(HTTPStatus.OK), headers
        self._reply, self._call, self._exchange = reply, call, exchange
        self._reader: StreamReader = stream_reader(call.api)
        self._answer: Answer | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """See `Reply`.

        Raises:
            GatewayError: 502, it failed before it said anything.
        """
        events = EventReader()
        try:
            async for piece in _bounded(self._reply.pieces()):
                if text := "".join(map(self._add, self._events(events.add(piece)))):
                    yield _encoded(text)
            last = self._events(events.end())
            yield _encoded("".join([*map(self._add, last), *self._end()]))
        except ProviderError as error:
            if self._answer is None:  # nothing was said yet, so that another target may answer
                raise GatewayError(HTTPStatus.BAD_GATEWAY, str(error), "target_failed") from None
            yield _encoded(self._answering().fail(str(error)))

    def _events(self, events: Iterator[Row]) -> Iterator[Row]:
        for event in events:
            if event.get("type") == "error" or is_object(event.get("error")):
                raise ProviderError(_error(event, "the target failed")[0])
            yield event

    def _add(self, event: Row) -> str:
        return self._texts(self._reader.add(event))

    def _texts(self, chunks: Iterator[Chunk]) -> str:
        return "".join([self._answering().add(each) for each in _with_usage_noted(chunks, self._exchange)])

    def _end(self) -> Iterator[str]:
        if not self._reader.is_ended:
            raise BrokenOff
        yield self._texts(self._reader.end())
        yield self._answering().end()

    def _answering(self) -> Answer:
        if self._answer is None:
            self._answer = answer_of(self._call.request, self._reader.model or self._call.model)
        return self._answer

    def close(self) -> None:
        """See `Reply`."""
        self._reply.close()


async def _bounded(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of a stream, whose answer is kept until its end.

    Raises:
        ProviderError: it is too large.
    """
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise ProviderError("its answer is too large")
        for start in range(0, len(piece), _TURN_BYTES):
            yield piece[start : start + _TURN_BYTES]
            await asyncio.sleep(0)  # for others to run: more may be there already


def _failed(message: str) -> GatewayError:
    return GatewayError(HTTPStatus.BAD_GATEWAY, f"the target cannot be understood: {message}", "target_failed")


async def _body(reply: Reply, memory: MemoryBudget) -> tuple[str, object]:
    """The body of a reply, as text and, where it is JSON, as its value; read beside the event loop.

    Raises:
        GatewayError: 502, it broke off, or cannot be read.
    """
    kept = KeptBody(BodyLimits(MAX_ANSWER_BYTES, memory))
    try:
        async for piece in reply.pieces():
            if not kept.add(piece):
                raise _failed("its answer is too large")
        return await run_in_threadpool(_read, kept.whole(), encoding_of(reply.headers))
    except BrokenOff:
        raise _failed("its answer broke off") from None
    except DataError as error:
        raise _failed(str(error)) from None


def _read(raw: bytes, encoding: str) -> tuple[str, object]:
    plain = decoded(raw, encoding)
    if not is_bounded(plain):
        raise DataError("its answer has too many values")
    text = plain.decode("utf-8", "replace")
    return text, parse_embedded_json(text)


def _error(body: object, text: str) -> tuple[str, str]:
    """The message of an error in any vendor's words, and what programs know it by."""
    given = object_or_empty(body[0] if is_list(body) and body else body)
    error = given.get("error") or given
    if not is_object(error):
        return str(error), "target_failed"
    message = error.get("message") or given.get("message") or text.strip()[:_LONGEST_MESSAGE]
    named = (error.get(key) for key in ("code", "status", "type"))
    return str(message), next((each for each in named if isinstance(each, str)), "target_failed")
