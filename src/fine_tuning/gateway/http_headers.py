"""Headers of a call on its way: all but those of one connection and those for the gateway.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus

Headers = list[tuple[bytes, bytes]]

OWN = b"x-ft-"
"""Begins the names of headers that are meant for the gateway."""

CALL_ID = b"x-ft-call-id"
_LONGEST_TRACE_PARENT = 55  # characters
_OF_ONE_CONNECTION = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    }
)


def request_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What an upstream gets of a client's headers, whose names are in lower case, in their order."""
    return [(name, value) for name, value in _end_to_end(headers) if name != b"host" and not name.startswith(OWN)]


def response_headers(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What a client gets of an upstream's headers, in their order and as they are written.

    A response that has no body may say how long the one of another status would be, which no server sends on. What
    another gateway says of the call is left out: by its id this one knows no call.
    """
    is_empty = status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
    passed = ((each[0].lower(), each) for each in _end_to_end(headers))
    return [each for name, each in passed if not name.startswith(OWN) and not (is_empty and name == b"content-length")]


def trace_parent(headers: Mapping[bytes, bytes]) -> str:
    """The place of a call in its client's trace (https://www.w3.org/TR/trace-context/); empty without one."""
    return headers.get(b"traceparent", b"").decode("latin-1")[:_LONGEST_TRACE_PARENT]


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    found = [(name.lower(), name, value) for name, value in headers]
    named = {each.strip().lower() for name, _, value in found if name == b"connection" for each in value.split(b",")}
    dropped = _OF_ONE_CONNECTION | named
    return ((name, value) for lower, name, value in found if lower not in dropped and lower != b"expect")
