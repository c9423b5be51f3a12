"""What a target of a route gets of a call: the client's request with its model, and no key that is another vendor's."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import Scope
from yarl import URL

from fine_tuning.gateway import caller_keys
from fine_tuning.gateway.http_headers import OWN, Headers
from fine_tuning.gateway.route_policy import Target
from fine_tuning.gateway.routed_body import RoutedBody
from fine_tuning.gateway.upstreams import Upstream, Wire
from fine_tuning.gateway.wire_errors import GatewayError

VENDOR_KEY = b"x-ft-key-"  # and the name of an upstream: the client's key for it
_OF_VENDOR = frozenset(
    {
        *(b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"cookie"),
        *(b"openai-organization", b"openai-project"),
    }
)


class RoutedCall(NamedTuple):
    """A call of a route.

    Attributes:
        origin: the upstream by whose path the client asked, which its key is for; None for this server's own path.
        path: behind the name of the upstream.
    """

    scope: Scope
    body: RoutedBody
    origin: str | None
    path: str
    wire: Wire

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """The client's."""
        return dict(self.scope["headers"])

    def check_wire(self, upstream: Upstream, target: Target) -> None:
        """Refuse a call that its target does not understand. A translation of calls would take the place of this.

        Raises:
            GatewayError: 400.
        """
        if upstream.wire not in (None, self.wire):
            message = (
                f"this route is answered by {target}, which speaks {upstream.wire}'s API and not {self.wire}'s; calls "
                f"are not translated yet: call it with a client of {upstream.wire}'s API"
            )
            raise GatewayError(HTTPStatus.BAD_REQUEST, message, "wire_not_translated")

    def url(self, upstream: Upstream) -> URL:
        """The address of the call at an upstream."""
        raw = self.scope["raw_path"].decode("latin-1").partition("?")[0]
        path = raw if self.origin is None else raw.removeprefix(f"/{self.origin}")
        query = self.scope["query_string"].decode("latin-1")
        return URL(upstream.url(f"{path}?{query}" if query else path), encoded=True)

    def scope_at(self, upstream: Upstream, held: str | None = None) -> Scope:
        """The scope with the headers for an upstream: with the client's own key for it, else the one that is held, and
        with no other.

        Raises:
            GatewayError: the client sent the gateway's key as the upstream's, and none is held.
        """
        headers: Headers = [each for each in self.scope["headers"] if each[0] != b"content-length"]
        if upstream.name == self.origin:
            if caller_keys.needs_held(self.headers, self.scope["query_string"]):
                headers = caller_keys.with_held(headers, held, self.wire, upstream.name)
        else:
            headers = [each for each in headers if each[0] not in _OF_VENDOR]
            if key := self.headers.get(VENDOR_KEY + upstream.name.encode(), (held or "").encode()):
                named = (b"x-api-key", key) if upstream.wire == "anthropic" else (b"authorization", b"Bearer " + key)
                headers.append(named)
        return {**self.scope, "headers": headers}

    def local_scope(self, body: bytes) -> Scope:
        """The scope of the same request to this server, with the key of the gateway as its own."""
        headers: Headers = [
            (name, value)
            for name, value in self.scope["headers"]
            if name not in (b"content-length", b"content-encoding") and not name.startswith(OWN)
        ]
        if self.origin is not None:
            headers = [each for each in headers if each[0] not in _OF_VENDOR]
            if key := caller_keys.own_key(self.headers):
                headers.append((b"authorization", f"Bearer {key}".encode("latin-1")))
        headers.append((b"content-length", str(len(body)).encode()))
        state = {**self.scope.get("state", {})}
        return {**self.scope, "path": self.path, "raw_path": self.path.encode(), "headers": headers, "state": state}
