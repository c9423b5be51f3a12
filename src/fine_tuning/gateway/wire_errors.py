"""Errors of the gateway itself, in the shape of the API that the client speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.types import Send

from fine_tuning.gateway.http_headers import CALL_ID
from fine_tuning.gateway.upstreams import Wire

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_REQUEST_IDS: dict[Wire, bytes] = {"openai": b"x-request-id", "anthropic": b"request-id"}  # which their SDKs show
_GEMINI_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


_LASTING = (HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.LOOP_DETECTED)  # however often it is tried again


class GatewayError(Exception):
    """A call that is not passed on, or whose upstream does not answer.

    Attributes:
        status: of the response.
        code: an identifier for programs.
        field: of the request, which cannot be passed on.
        headers: of the response.
    """

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        code: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.field, self.headers = status, code, field, dict(headers or {})


async def send_error(send: Send, error: GatewayError, wire: Wire, call_id: bytes) -> None:
    """Answer with an error."""
    body = json.dumps(error_body(wire, int(error.status), str(error), error.code, error.field)).encode()
    is_of_moment = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.status not in _LASTING
    may_help = is_of_moment or error.status == HTTPStatus.TOO_MANY_REQUESTS
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (CALL_ID, call_id),
        (b"x-should-retry", b"true" if may_help else b"false"),
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    ]
    if (name := _REQUEST_IDS.get(wire)) is not None:
        headers.append((name, call_id))
    await send({"type": "http.response.start", "status": int(error.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def openai_type(status: int) -> str:
    """The type of an error in OpenAI's shape."""
    other = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    return _OPENAI_TYPES.get(status, other)


def anthropic_body(status: int, message: str) -> dict[str, object]:
    """The body of an error in Anthropic's shape: https://docs.anthropic.com/en/api/errors."""
    other = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "api_error"
    return {"type": "error", "error": {"type": _ANTHROPIC_TYPES.get(status, other), "message": message}}


def error_body(wire: Wire, status: int, message: str, code: str, field: str | None = None) -> dict[str, object]:
    """The body of an error in the shape of a wire."""
    if wire == "anthropic":
        return anthropic_body(status, message)
    if wire == "gemini":
        return {"error": {"code": status, "message": message, "status": _GEMINI_STATUSES.get(status, "INTERNAL")}}
    return {"error": {"message": message, "type": openai_type(status), "param": field, "code": code}}
