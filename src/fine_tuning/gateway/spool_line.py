"""A line of the spool: a call that was passed on, as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import NotRequired, TypedDict

from fine_tuning.gateway.exchanges import Exchange, RouteFacts
from fine_tuning.gateway.kept_bodies import KeptBody


class EncodedBody(TypedDict):
    """A body that is no text, or not yet: `encoding` is its content encoding."""

    base64: str
    encoding: str


class SpoolLine(TypedDict):
    """The facts of a call, see `Exchange`. `started_at` is seconds since 1970, the other times are seconds.

    Lines of an earlier version have not all of them.
    """

    id: str
    project: str
    upstream: str
    address: str
    method: str
    path: str
    tags: dict[str, str]
    trace_parent: NotRequired[str]  # not of earlier versions
    started_at: float
    first_byte: float | None
    seconds: float | None
    status: int | None
    is_whole: bool
    is_delivered: bool
    request: str | EncodedBody | None
    response: str | EncodedBody | None
    lacked_memory: NotRequired[bool]
    is_cancelled: NotRequired[bool]
    was_slower: NotRequired[bool]
    route: NotRequired[RouteFacts | None]
    usage: NotRequired[Mapping[str, object] | None]


def to_line(exchange: Exchange) -> bytes:
    """A call as a line."""
    facts: SpoolLine = {
        "id": exchange.call_id,
        "project": exchange.project,
        "upstream": exchange.upstream,
        "address": exchange.address,
        "method": exchange.method,
        "path": exchange.path,
        "tags": exchange.tags,
        "trace_parent": exchange.trace_parent,
        "started_at": exchange.started_at,
        "first_byte": exchange.first_byte,
        "seconds": exchange.seconds,
        "status": exchange.status,
        "is_whole": exchange.is_whole,
        "is_delivered": exchange.is_delivered,
        "request": _text(exchange.request, exchange.request_encoding),
        "response": _text(exchange.response, exchange.response_encoding),
        "lacked_memory": exchange.lacked_memory,
        "is_cancelled": exchange.is_cancelled,
        "was_slower": exchange.was_slower,
        "route": exchange.route,
        "usage": exchange.usage,
    }
    return json.dumps(facts, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _text(kept: KeptBody | None, encoding: str) -> str | EncodedBody | None:
    """A body as text, or in base64 with its content encoding, which is undone when the call is stored."""
    if kept is None:
        return None
    body = kept.content
    if encoding in {"", "identity"}:
        try:
            return body.decode()
        except UnicodeDecodeError:
            pass
    return {"base64": base64.b64encode(body).decode(), "encoding": encoding}
