"""What a target of a route gets of a call: the client's request with its model, and no key that is another vendor's."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import Scope
from yarl import URL

from fine_tuning.gateway import caller_keys, litellm_limits
from fine_tuning.gateway.http_headers import OWN, Headers
from fine_tuning.gateway.route_policy import Target
from fine_tuning.gateway.routed_body import RoutedBody
from fine_tuning.gateway.translation.chat_apis import (
    NAMES,
    ChatApi,
    api_of_path,
    api_to_ask,
    is_streamed_path,
    model_in_path,
    with_model_in_path,
)
from fine_tuning.gateway.translation.contents_request import contents_fields
from fine_tuning.gateway.translation.translated_calls import TranslatedCall
from fine_tuning.gateway.upstreams import Upstream, Wire
from fine_tuning.gateway.wire_errors import GatewayError

VENDOR_KEY = b"x-ft-key-"  # and the name of an upstream: the client's key for it
_OF_ANY_WIRE = frozenset({b"traceparent", b"tracestate", b"user-agent", b"x-ft-passed"})
_OF_ANY_HOST = _OF_ANY_WIRE | {
    *(b"content-type", b"content-encoding", b"accept", b"accept-encoding"),
    *(b"openai-beta", b"anthropic-version", b"anthropic-beta"),
}
"""All that another host gets of a client's headers, of which any other may be a secret between it and its vendor."""
_OF_THIS_SERVER = _OF_ANY_HOST | {b"host", b"origin"}
_QUERY_OF_ANY_HOST = frozenset({b"alt", b"api-version", b"beta"})  # any other may be a key
_ANTHROPIC_VERSION = b"2023-06-01"  # https://docs.anthropic.com/en/api/versioning


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

    def translation(self, upstream: Upstream, target: Target) -> TranslatedCall | None:
        """The call in the words of an upstream that speaks another wire; None where it is sent as it is.

        Raises:
            GatewayError: 400, the other wire cannot express it; the message names what.
        """
        own = api_of_path(self.path)
        api = self._api_of_server(own) if target.is_local else api_to_ask(upstream, own, self.wire)
        if api is None:
            return None
        if own is None:
            message = f"{self.path}: {target}, which answers this route, has nothing of the kind: {NAMES[api]} alone"
            raise GatewayError(HTTPStatus.BAD_REQUEST, message, "not_translatable")
        only_chat = upstream.has_only_chat
        found = TranslatedCall.of(own, api, self._canonical_fields(own), target.model, has_only_chat=only_chat)
        if upstream.vendor is not None:
            litellm_limits.check(target.model, found.request.messages)
        return found

    def _api_of_server(self, own: ChatApi | None) -> ChatApi | None:
        """As `api_to_ask`, for this server, which has every API but Gemini's."""
        return "chat" if own == "contents" or model_in_path(self.path) is not None else None

    def _canonical_fields(self, own: ChatApi) -> Mapping[str, object]:
        """The fields of the request.

        Raises:
            GatewayError: 400, the stream that is asked for is none of events.
        """
        if own != "contents":
            return self.body.fields
        is_streamed = is_streamed_path(self.path)
        if is_streamed and b"alt=sse" not in self.scope["query_string"].split(b"&"):
            message = "a stream that is a list cannot be translated; ask for one of events, with ?alt=sse"
            raise GatewayError(HTTPStatus.BAD_REQUEST, message, "not_translatable")
        return contents_fields(self.body.fields, is_streamed=is_streamed)

    def translated_scope(self, upstream: Upstream, held: str | None) -> Scope:
        """The scope of a translated call: none of the client's headers but its place in a trace, and a key."""
        headers: Headers = [each for each in self.scope["headers"] if each[0] in _OF_ANY_WIRE]
        headers += [(b"content-type", b"application/json"), (b"accept-encoding", b"identity")]
        if upstream.wire == "anthropic":
            headers.append((b"anthropic-version", _ANTHROPIC_VERSION))
        own = caller_keys.vendors_key(self.headers) if upstream.name == self.origin else None
        if key := own or self._key_for(upstream, held):
            headers.append(caller_keys.key_header(upstream.wire, key))
        return {**self.scope, "headers": headers}

    def _key_for(self, upstream: Upstream, held: str | None) -> bytes:
        return self.headers.get(VENDOR_KEY + upstream.name.encode(), (held or "").encode())

    def url(self, upstream: Upstream, model: str) -> URL:
        """The address of the call at an upstream, with the model where the address names one."""
        raw = self.scope["raw_path"].decode("latin-1").partition("?")[0]
        path = with_model_in_path(raw if self.origin is None else raw.removeprefix(f"/{self.origin}"), model)
        given: bytes = self.scope["query_string"]
        if upstream.name != self.origin:
            given = b"&".join(each for each in given.split(b"&") if each.partition(b"=")[0] in _QUERY_OF_ANY_HOST)
        query = given.decode("latin-1")
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
            headers = [each for each in headers if each[0] in _OF_ANY_HOST]
            if key := self._key_for(upstream, held):
                headers.append(caller_keys.key_header(upstream.wire, key))
        return {**self.scope, "headers": headers}

    def local_scope(self, body: bytes, path: str | None = None) -> Scope:
        """The scope of the same request to this server, with the key of the gateway as its own.

        Args:
            path: of another API.
        """
        headers: Headers = [
            (name, value)
            for name, value in self.scope["headers"]
            if name not in (b"content-length", b"content-encoding") and not name.startswith(OWN)
        ]
        if self.origin is not None:
            headers = [each for each in headers if each[0] in _OF_THIS_SERVER]
            if key := caller_keys.own_key(self.headers):
                headers.append((b"authorization", f"Bearer {key}".encode("latin-1")))
        headers.append((b"content-length", str(len(body)).encode()))
        state = {**self.scope.get("state", {})}
        path = path or self.path
        return {**self.scope, "path": path, "raw_path": path.encode(), "headers": headers, "state": state}
