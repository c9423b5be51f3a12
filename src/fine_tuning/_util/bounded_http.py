"""HTTP of the SDK with limits: a host may send what it likes, and no response takes memory or time without end."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from contextlib import closing
from functools import cache
from typing import Any

import httpx2
from openai import DefaultHttpxClient

from fine_tuning._util.files import parse_json
from fine_tuning.errors import DataError, ProviderError

MAX_BYTES = 64 << 20  # of a response that is read whole, without its content encoding
MAX_SECONDS = 600.0  # from its headers to its end
_JSON = "application/json"
_OF_TRANSFER = {"content-encoding", "content-length", "transfer-encoding"}


class BoundedClient(DefaultHttpxClient):
    """The SDK's HTTP client, whose responses are bounded unless they are streamed; `options` are httpx's."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS, **options: Any) -> None:
        super().__init__(**{"verify": _trusted(), **options})
        self._max_bytes, self._max_seconds = max_bytes, max_seconds

    def send(self, request: httpx2.Request, *, stream: bool = False, **more: Any) -> httpx2.Response:
        """Send a request; the response of one that is not streamed is a `WholeResponse`."""
        response = super().send(request, stream=True, **more)
        if stream:
            return response
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
        super().__init__(
            response.status_code,
            headers=headers,
            content=content,
            request=response.request,
            extensions=response.extensions,
            history=response.history,
        )
        self.problem = problem
        if response.is_success and response.request.headers.get("accept") == _JSON:
            self.headers["content-type"] = _JSON

    def json(self, **_: Any) -> Any:
        """The JSON object.

        Raises:
            ProviderError: it is none, or the response broke a limit.
        """
        where = f"{self.url.scheme}://{self.url.netloc.decode()}{self.url.path}"
        if self.problem is not None:
            raise ProviderError(f"{where} {self.problem}; check the address (OPENAI_BASE_URL)")
        try:
            value = parse_json(self.content)
        except DataError as error:
            raise ProviderError(f"{where} does not respond with JSON: {error}") from None
        if not isinstance(value, dict):
            raise ProviderError(f"{where} does not respond with a JSON object; check the address (OPENAI_BASE_URL)")
        return value
