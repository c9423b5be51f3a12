"""HTTP of the SDK with limits: a host may send what it likes, and no response takes memory or time without end."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from typing import Any

import httpx2
from openai import DefaultHttpxClient

from fine_tuning._util.files import parse_json
from fine_tuning._util.timely_streams import TimelyStream, make_timely
from fine_tuning.errors import DataError, ProviderError

MAX_BYTES = 64 << 20  # of a response that is read whole, without its content encoding
MAX_SECONDS = 600.0  # from the request to its headers, and from them to its end
MAX_STREAM_BYTES = 256 << 20  # of an answer that comes in pieces, with the log-probabilities of its tokens
FIRST_SECONDS, SLOWEST = 600.0, 16 << 10  # a download has these seconds, and one more for each so many bytes
_JSON = "application/json"
_OF_TRANSFER = {"content-encoding", "content-length", "transfer-encoding"}


class BoundedClient(DefaultHttpxClient):
    """The SDK's HTTP client, whose responses are bounded; `options` are httpx's.

    Files alone are streamed without a limit, by callers that know their size.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS, **options: Any) -> None:
        super().__init__(**{"verify": _trusted(), **options})
        self._max_bytes, self._max_seconds = max_bytes, max_seconds
        make_timely([self._transport, *self._mounts.values()], max_seconds)

    def send(self, request: httpx2.Request, *, stream: bool = False, **more: Any) -> httpx2.Response:
        """Send a request; its response is a `WholeResponse`, or of an answer that is streamed a `StreamedResponse`."""
        response = super().send(request, stream=True, **more)
        if isinstance(stream_below := response.extensions.get("network_stream"), TimelyStream):
            stream_below.response_has_begun()
        if stream:
            return StreamedResponse(response) if request.headers.get("accept") == _JSON else response
        with closing(response):
            content, problem = self._read(response.iter_bytes())
        return WholeResponse(response, content, problem)

    def _read(self, pieces: Iterable[bytes]) -> tuple[bytes, str | None]:
        """A body as far as it is within the limits, and the limit that it breaks."""
        content, until = bytearray(), time.monotonic() + self._max_seconds
        for piece in pieces:
            content += piece
            if len(content) > self._max_bytes:
                return b"", f"sends more than {self._max_bytes >> 20} MiB"
            if time.monotonic() > until:
                return b"", f"has not sent its response within {self._max_seconds:g} s"
        return bytes(content), None


class TooSlowError(ProviderError):
    """A download that would not end, however often it is tried."""


def in_time(pieces: Iterable[bytes], host: str) -> Iterator[bytes]:
    """The pieces of a download.

    Raises:
        TooSlowError: they take too long.
    """
    size, started = 0, time.monotonic()
    for piece in pieces:
        size += len(piece)
        if time.monotonic() - started > FIRST_SECONDS + size / SLOWEST:
            raise TooSlowError(f"{host} sends the file too slowly; run the same command again")
        yield piece


def lines_of(pieces: Iterable[bytes], host: str) -> Iterator[bytes]:
    """The lines of a download, without their ends.

    Raises:
        ProviderError: one is longer than `MAX_BYTES`.
    """
    held = bytearray()
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            yield bytes(held + part)
            held.clear()
        held += rest
        if len(held) > MAX_BYTES:
            raise ProviderError(f"{host} sends a line of more than {MAX_BYTES >> 20} MiB")
    yield bytes(held)


class StreamedResponse(httpx2.Response):
    """A response whose pieces end at a limit; one without the end of a line would be kept until memory is full."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(
            response.status_code,
            headers=response.headers,
            stream=response.stream,
            request=response.request,
            extensions=response.extensions,
            history=response.history,
        )

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The pieces.

        Raises:
            ProviderError: they break the limit.
        """
        size = 0
        for piece in super().iter_bytes(chunk_size):
            size += len(piece)
            if size > MAX_STREAM_BYTES:
                raise ProviderError(f"{_where(self)} sends more than {MAX_STREAM_BYTES >> 20} MiB in an answer")
            yield piece


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that connections trust, as httpx reads them: once, since that takes longer than most requests."""
    return httpx2.create_ssl_context()


class WholeResponse(httpx2.Response):
    """A response that has been read. JSON is read at the request for it, so that the SDK repeats none that is invalid.

    Args:
        response: as it came; a successful one to a request for JSON counts as JSON, whatever its header says.
        problem: why it cannot be used.
    """

    def __init__(self, response: httpx2.Response, content: bytes, problem: str | None) -> None:
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_TRANSFER]
        self.problem = problem
        super().__init__(
            response.status_code,
            headers=headers,
            content=content,
            request=response.request,
            extensions=response.extensions,
            history=response.history,
        )
        if response.is_success and response.request.headers.get("accept") == _JSON:
            self.headers["content-type"] = _JSON

    @property
    def content(self) -> bytes:
        """The body.

        Raises:
            ProviderError: it broke a limit.
        """
        if self.problem is not None:
            raise ProviderError(f"{_where(self)} {self.problem}; check the address (OPENAI_BASE_URL)")
        return super().content

    def json(self, **_: Any) -> Any:
        """The JSON object.

        Raises:
            ProviderError: it is none, or the response broke a limit.
        """
        where = _where(self)
        try:
            value = parse_json(self.content)
        except DataError as error:
            raise ProviderError(f"{where} does not respond with JSON: {error}") from None
        if not isinstance(value, dict):
            raise ProviderError(f"{where} does not respond with a JSON object; check the address (OPENAI_BASE_URL)")
        return value


def _where(response: httpx2.Response) -> str:
    return f"{response.url.scheme}://{response.url.netloc.decode()}{response.url.path}"
