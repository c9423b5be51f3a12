"""The keys of a call: the gateway's own, and the vendor's, for which one that the gateway holds may stand.

An application may send the gateway's key in `x-ft-key` and the vendor's as always; or the gateway's key where the
vendor's would be, as an SDK with `api_key="sk-ft-..."` does: then the held one takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from fine_tuning.gateway.http_headers import Headers
from fine_tuning.gateway.upstreams import Wire
from fine_tuning.gateway.wire_errors import GatewayError

OWN_KEY = b"x-ft-key"
OWN_PREFIX = b"sk-ft-"
_BEARER = b"Bearer "
_OF_VENDORS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key")
_OF_WIRE: Mapping[Wire, bytes] = {"openai": b"authorization", "anthropic": b"x-api-key", "gemini": b"x-goog-api-key"}


def own_key(headers: Mapping[bytes, bytes]) -> str:
    """The gateway's key of a call; empty without one."""
    found = headers.get(OWN_KEY) or next((_value(headers[name]) for name in _places(headers)), b"")
    return found.decode("latin-1")


def needs_held(headers: Mapping[bytes, bytes], query: bytes) -> bool:
    """Whether a held key has to take the place of the gateway's; or may, as there is no other.

    Raises:
        GatewayError: the gateway's key is in the address, which would go to the vendor.
    """
    parameters = parse_qsl(query, keep_blank_values=True)
    if any(value.startswith(OWN_PREFIX) for _, value in parameters):
        message = "the gateway's key must not be in the address, which the vendor sees; send it in the header x-ft-key"
        raise GatewayError(HTTPStatus.BAD_REQUEST, message, "key_in_address")
    has_vendors = any(name in headers for name in _OF_VENDORS) or any(name == b"key" for name, _ in parameters)
    return bool(_places(headers)) or not has_vendors


def with_held(headers: Headers, held: str | None, wire: Wire, upstream: str) -> Headers:
    """The headers with the held key in place of the gateway's, or where the vendor looks for one.

    Raises:
        GatewayError: the gateway's key is where the vendor's should be, and none is held.
    """
    places = _places(dict(headers))
    if held is None and places:
        message = f"no key of {upstream} is held for this project; store one: ft-cli vendor-keys set {upstream}"
        raise GatewayError(HTTPStatus.UNAUTHORIZED, message, "no_vendor_key")
    if held is None:
        return headers
    places = places or [_OF_WIRE[wire]]
    kept = [(name, value) for name, value in headers if name not in places]
    return kept + [(name, _as_value(name, held)) for name in places]


def vendors_key(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The client's own key for a vendor; None where there is none but the gateway's."""
    values = (_value(headers[name]) for name in _OF_VENDORS if name in headers)
    return next((each for each in values if each and not each.startswith(OWN_PREFIX)), None)


def key_header(wire: Wire | None, key: bytes) -> tuple[bytes, bytes]:
    """A key where the vendors of a wire look for one."""
    name = _OF_WIRE[wire or "openai"]
    return name, (_BEARER if name == b"authorization" else b"") + key


def _places(headers: Mapping[bytes, bytes]) -> list[bytes]:
    """The vendors' headers that have the gateway's key."""
    return [name for name in _OF_VENDORS if _value(headers.get(name, b"")).startswith(OWN_PREFIX)]


def _value(header: bytes) -> bytes:
    return header[len(_BEARER) :].strip() if header[: len(_BEARER)].lower() == _BEARER.lower() else header.strip()


def _as_value(name: bytes, key: str) -> bytes:
    return (_BEARER if name == b"authorization" else b"") + key.encode()
