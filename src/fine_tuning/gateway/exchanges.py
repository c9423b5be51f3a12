"""What is known of a call that was passed on, for the recorder."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypedDict

from fine_tuning.errors import DataError
from fine_tuning.gateway.content_encodings import decoded
from fine_tuning.gateway.http_headers import Headers
from fine_tuning.gateway.kept_bodies import BodyLimits, KeptBody
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.gateway_calls import Role

# What a stream of any API says when the model has ended. In a text the quotes would have backslashes.
_END = re.compile(
    rb"""^data:\ ?\[DONE\]|"(finish_reason|finishReason|stop_reason)":\s?"
    |"type":\s?"(message_stop|response\.(completed|incomplete))\"""",
    re.MULTILINE | re.VERBOSE,
)
_LAST_BYTES = 1 << 16  # that are searched for it
_MOST_COMPRESSED = 1 << 18  # bytes that are decoded for that, while all other calls wait


CACHE: Role = "cache"  # what answered in place of a target


class RouteFacts(TypedDict):
    """Of a call of a route: what it was sent to, and why; see `tables.gateway_calls`.

    `arm` is that of the route's canary, of the attempt that counts as its sample; `waited` are the seconds from the
    client's request to the start of this attempt.
    """

    name: str
    revision: int
    target: str
    role: Role
    pair_id: str | None
    arm: Arm | None
    waited: float
    unit: str | None


@dataclass
class Exchange:
    """A call on its way: what was asked, what came back, and when. Times are seconds.

    Attributes:
        path: behind the name of the upstream, without its query.
        tags: the client's headers for the gateway, without `x-ft-`, in lower case.
        trace_parent: the client's place in a trace, see https://www.w3.org/TR/trace-context/; empty without one.
        limits: of the bodies.
        request, response: the bodies as they were sent, compressed or not; None where they were too large to keep, or
            `lacked_memory`.
        status: of the response; None before there was one.
        first_byte: from the start to the first byte of the body.
        is_whole: the response arrived to its end, or to the event that says so; whether that is an answer is read when
            it is stored.
        is_delivered: the client took all of it.
        is_cancelled: the client left before that, or another target was faster.
        was_slower: the latter.
        route: where it asked a route.
        usage: the tokens that a target on another wire stated, which the client may not have asked for.
    """

    call_id: str
    project: str
    upstream: str
    address: str
    method: str
    path: str
    tags: dict[str, str]
    limits: BodyLimits
    trace_parent: str = ""
    request_encoding: str = ""
    started_at: float = field(default_factory=time.time)
    request: KeptBody | None = field(init=False)
    response: KeptBody | None = field(init=False)
    lacked_memory: bool = False
    response_encoding: str = ""
    status: int | None = None
    first_byte: float | None = None
    seconds: float | None = None
    is_whole: bool = False
    is_delivered: bool = False
    is_cancelled: bool = False
    was_slower: bool = False
    route: RouteFacts | None = None
    usage: Mapping[str, object] | None = None
    _started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.request, self.response = KeptBody(self.limits), KeptBody(self.limits)

    def has_response(self, status: int, headers: Headers) -> None:
        """Note the start of the response."""
        self.status = status
        self.response_encoding = encoding_of(headers)

    def keep_request(self, piece: bytes) -> None:
        """Keep a piece of the request, or none of it where there is no place."""
        self.request = self._kept(self.request, piece)

    def has_first_byte(self) -> None:
        """Note the time to the first byte of the body, unless it is known."""
        if self.first_byte is None:
            self.first_byte = time.perf_counter() - self._started

    def keep_response(self, piece: bytes) -> None:
        """As `keep_request`, of the response."""
        if piece:
            self.has_first_byte()
        self.response = self._kept(self.response, piece)

    def was_left(self) -> None:
        """Note that the client left. Many do so once they have read that the model has ended, such as OpenAI's SDKs,
        before the end of the body: these have the whole answer.
        """
        if _END.search(self._last_of_response()) is not None:
            self.is_whole = self.is_delivered = True
        self.is_cancelled = not self.is_delivered

    def _last_of_response(self) -> bytes:
        content = b"" if self.response is None else self.response.content
        if self.response_encoding in {"", "identity"}:
            return bytes(content[-_LAST_BYTES:])
        with suppress(DataError):
            if len(content) < _MOST_COMPRESSED:
                return decoded(bytes(content), self.response_encoding)[-_LAST_BYTES:]
        return b""

    def end(self) -> None:
        """Note that nothing more comes."""
        self.seconds = time.perf_counter() - self._started

    @property
    def size(self) -> int:
        """Bytes of both bodies, as far as they are kept."""
        return sum(len(each.content) for each in (self.request, self.response) if each is not None)

    def _kept(self, body: KeptBody | None, piece: bytes) -> KeptBody | None:
        if body is None or body.add(piece):
            return body
        self.lacked_memory = self.lacked_memory or body.lacked_memory
        return None


def is_capture_allowed(tags: Mapping[str, str]) -> bool:
    """Whether the client allows its call to be recorded; whatever else than a yes it writes in x-ft-capture is a no."""
    return tags.get("capture", "on").strip().lower() in {"on", "true", "yes", "1"}


def is_in_sample(tags: Mapping[str, str], call_id: str, rate: float) -> bool:
    """Whether a call is in the share of them that becomes examples: all of a conversation or a unit are, or none."""
    drawn = next(name for name in (tags.get("conversation"), tags.get("unit"), call_id) if name)
    share = int.from_bytes(hashlib.sha256(drawn.encode("utf-8", "replace")).digest()[:8]) / 2**64
    return share < rate


def encoding_of(headers: Headers) -> str:
    """The content encoding, in lower case; empty without one."""
    found = next((value for name, value in headers if name.lower() == b"content-encoding"), b"")
    return found.decode("latin-1").strip().lower()
