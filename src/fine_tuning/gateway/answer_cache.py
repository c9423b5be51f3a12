"""Answers of identical requests, for a while, in the memory of the process; off unless a route's policy has it."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from typing import NamedTuple

from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.http_headers import Headers
from fine_tuning.gateway.replies import WholeReply
from fine_tuning.gateway.route_policy import Cache, Target
from fine_tuning.gateway.target_requests import RoutedCall

MOST_BYTES = 64 << 20
_BYTES_OF_ONE = 1024  # of its key and the objects that hold it
_OF_ONE_CLIENT = (b"set-cookie", b"openai-organization", b"openai-project")  # others of the project may have other keys
_TELLING = (b"accept", b"accept-encoding", b"anthropic-version", b"anthropic-beta", b"openai-beta")


class KnownAnswer(NamedTuple):
    """An answer, the call that it was given to, and the monotonic time until which it counts."""

    until: float
    reply: WholeReply
    call_id: str

    @property
    def size(self) -> int:
        """Bytes of the answer: a host may send next to nothing but headers."""
        return _BYTES_OF_ONE + len(self.reply.body) + sum(len(name) + len(value) for name, value in self.reply.headers)


def key_of(project: str, revision: str, call: RoutedCall, target: Target) -> bytes:
    """What a request is known by: all that an answer may depend on."""
    telling = [b"%s:%s" % each for each in call.scope["headers"] if each[0] in _TELLING]
    places = [project, revision, str(target), call.path, call.scope["query_string"].decode("latin-1"), call.body.text]
    parts = [b"%d" % len(telling), *telling, *(each.encode("utf-8", "surrogatepass") for each in places)]
    return hashlib.sha256(b"".join(b"%d:%s" % (len(part), part) for part in parts)).digest()


class AnswerCache:
    """The newest answers, of so many bytes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._known: OrderedDict[bytes, KnownAnswer] = OrderedDict()

    def get(self, key: bytes) -> KnownAnswer | None:
        """An answer that is not too old."""
        found = self._known.get(key)
        return found if found is not None and time.monotonic() < found.until else None

    def put(self, key: bytes, cache: Cache, exchange: Exchange, headers: Headers) -> None:
        """Keep an answer, unless it was too large to be recorded."""
        if exchange.response is None or exchange.status is None:
            return
        for_all = [each for each in headers if each[0].lower() not in _OF_ONE_CLIENT]
        reply = WholeReply(exchange.status, for_all, bytes(exchange.response.content))
        known = KnownAnswer(time.monotonic() + cache.seconds, reply, exchange.call_id)
        if known.size > self._most:
            return
        self._forget(key)
        self._known[key] = known
        self._bytes += known.size
        while self._bytes > self._most:
            self._forget(next(iter(self._known)))

    def _forget(self, key: bytes) -> None:
        found = self._known.pop(key, None)
        self._bytes -= 0 if found is None else found.size
