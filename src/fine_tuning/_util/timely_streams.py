"""Connections whose responses have to begin in time, however slowly their bytes come.

The client's own limit is of each read: a host that sends a header a second, or the status 100 again and again, would
be waited for without end.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2


class TimelyStream(httpcore2.NetworkStream):
    """A connection; what is written to it begins the time until `response_has_begun`.

    Args:
        seconds: from the end of a request to the end of the headers of its response.
    """

    def __init__(self, stream: httpcore2.NetworkStream, seconds: float) -> None:
        self._stream, self._seconds = stream, seconds
        self._until: float | None = None

    def response_has_begun(self) -> None:
        """Leave the rest of the response to who reads it."""
        self._until = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See httpcore; also raises ReadTimeout where a response has not begun in time."""
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise httpcore2.ReadTimeout(f"no response within {self._seconds:g} s")
            timeout = left if timeout is None else min(timeout, left)
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See httpcore."""
        self._stream.write(buffer, timeout)
        self._until = time.monotonic() + self._seconds

    def close(self) -> None:
        """See httpcore."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """See httpcore."""
        return TimelyStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._seconds)

    def get_extra_info(self, info: str) -> Any:
        """See httpcore."""
        return self._stream.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, backend: httpcore2.NetworkBackend, seconds: float) -> None:
        self._backend, self._seconds = backend, seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        return TimelyStream(
            self._backend.connect_tcp(host, port, timeout, local_address, socket_options), self._seconds
        )

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


def make_timely(transports: Iterable[httpx2.BaseTransport | None], seconds: float) -> None:
    """Give transports connections whose responses begin within so many seconds; httpx has no argument for that."""
    for each in transports:
        pool = getattr(each, "_pool", None)
        if pool is not None:
            pool._network_backend = _Backend(pool._network_backend, seconds)
