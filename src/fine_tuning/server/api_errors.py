"""Errors in OpenAI's shape: `{"error": {message, type, param, code}}` with the statuses that its SDKs expect.

Those of Anthropic's Messages have the shape and the statuses that Anthropic's SDKs expect.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from fine_tuning._util import field_errors
from fine_tuning.data_io.schema_checks import InvalidSchema
from fine_tuning.errors import (
    ConflictError,
    ContextLengthError,
    DataError,
    DiskFullError,
    FineTuningError,
    NotFoundError,
    ProviderError,
    RefusedError,
    StorageError,
    UnavailableError,
    UsageError,
)
from fine_tuning.gateway.wire_errors import anthropic_body, openai_type
from fine_tuning.server.server_config import ServerConfig

_log = logging.getLogger(__name__)
REQUEST_ID = "x-request-id"  # the header, and where the state of a request has its value
ANTHROPIC_ID = "request-id"  # Anthropic's name of that header
_OVERLOADED = 529  # Anthropic's status
_STATUSES: tuple[tuple[type[FineTuningError], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 400),
    (UsageError, 400),
    (DataError, 400),
    (RefusedError, 400),
    (ProviderError, 502),
    (DiskFullError, 507),
    (UnavailableError, 503),
    (StorageError, 500),
)
_OF_STORAGE = {  # what a client is told: the error itself, with its paths and addresses, is for the log
    507: "the server's disk is full; free some space there and send the request again",
    503: "the server's database is not available at this moment; send the request again later",
    500: "the server's storage failed; see its log",
}
_RETRY_AFTER = {"Retry-After": "5"}
CLIENT_CLOSED_REQUEST = 499  # the status that nginx logs; the client does not read it
_INPUTS = {  # what is too long
    "/v1/completions": "prompt",
    "/v1/embeddings": "input",
    "/v1/responses": "input",
    "/v1/responses/input_tokens": "input",
}


class ErrorBody(TypedDict):
    """OpenAI's error object."""

    message: str
    type: str
    param: str | None
    code: str | None


class ApiError(Exception):
    """An error response.

    Args:
        param: the invalid field, as the client wrote it.
        code: an identifier for programs.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.code, self.headers = status, param, code, dict(headers or {})


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """The request is invalid (400)."""
    return ApiError(400, message, param=param, code=code)


def not_found(kind: str, name: str, param: str) -> ApiError:
    """The named object does not exist, or belongs to another project (404)."""
    code = f"{kind.lower().replace(' ', '_').replace('-', '_')}_not_found"
    return ApiError(404, f"No such {kind}: {name}", param=param, code=code)


def no_model(message: str) -> ApiError:
    """No model answers for a name (404), with OpenAI's code."""
    return ApiError(404, message, param="model", code="model_not_found")


def install(app: FastAPI) -> None:
    """Answer every exception in OpenAI's shape; a bug is logged with its traceback and answered without details."""

    @app.exception_handler(ApiError)
    async def _api(_: Request, error: ApiError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(FineTuningError)
    async def _expected(request: Request, error: FineTuningError) -> JSONResponse:
        return answer(_without_folders(expected(error, request.url.path), request))

    @app.exception_handler(RequestValidationError)
    async def _fields(request: Request, error: RequestValidationError) -> JSONResponse:
        found = field_errors.most_specific(error.errors())
        written = field_errors.dotted_place if is_anthropic(request.scope) else field_errors.place
        if found["type"] == "json_invalid":
            return _answer(400, f"the body is {found['ctx']['error']}", None, "invalid_json")
        message, param = field_errors.in_words(found, written), field_errors.param_of(found, written)
        return _answer(400, message, param, field_errors.code_of(found))

    @app.exception_handler(InvalidSchema)
    async def _schema(_: Request, error: InvalidSchema) -> JSONResponse:
        return _answer(400, str(error), error.where, error.code)

    @app.exception_handler(ClientDisconnect)
    async def _gone(_: Request, __: ClientDisconnect) -> JSONResponse:
        return _answer(CLIENT_CLOSED_REQUEST, "the client has disconnected", None, None)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        place = f"{request.method} {request.url.path}"
        if error.status_code == 404:  # every object that is not found is an error of its own
            return _answer(404, f"Unknown request URL: {place}; /docs lists what is served here", None, "unknown_url")
        return _answer(error.status_code, f"{error.detail} ({place})", None, None, error.headers)

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        name = request.scope["state"][REQUEST_ID]  # this answer is made outside of the middleware that names requests
        _log.error("%s %s (%s) failed", request.method, request.url.path, name, exc_info=error)
        words = "The server had an error while processing your request; see its log."
        return _answer(500, words, None, None, {REQUEST_ID: name})


def expected(error: FineTuningError, path: str = "") -> ApiError:
    """What a client is told of an error that is no bug.

    Args:
        path: of the request, which names the field that is too long.
    """
    if isinstance(error, StorageError):
        return of_storage(error)
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    if not isinstance(error, ContextLengthError):
        return ApiError(status, str(error))
    return ApiError(status, str(error), param=_INPUTS.get(path, "messages"), code="context_length_exceeded")


def _without_folders(error: ApiError, request: Request) -> ApiError:
    """The error with an alias in place of its model's folder, which clients do not know."""
    config: ServerConfig = request.app.state.context.config
    text = str(error)
    for name, folder in sorted(config.aliases.items(), key=lambda pair: -len(pair[1])):
        if Path(folder).is_absolute():
            text = text.replace(folder, name)
    return ApiError(error.status, text, param=error.param, code=error.code, headers=error.headers)


def of_storage(error: StorageError) -> ApiError:
    """What a client is told of a full disk (507), of a database that is away (503), and of a damaged one (500)."""
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    _log.error("answered with %d: %s", status, error)
    return ApiError(status, _OF_STORAGE[status], code="storage_error", headers=_RETRY_AFTER if status == 503 else None)


def answer(error: ApiError) -> JSONResponse:
    """The response to a request that failed."""
    return _answer(error.status, str(error), error.param, error.code, error.headers)


def body(status: int, message: str, param: str | None = None, code: str | None = None) -> ErrorBody:
    """The error object."""
    return {"message": message, "type": openai_type(status), "param": param, "code": code}


def _answer(
    status: int, message: str, param: str | None, code: str | None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return _ErrorResponse(status, body(status, message, param, code), headers)


def is_anthropic(scope: Scope) -> bool:
    """Whether a request is one of Anthropic's API: by its path, or by its header where OpenAI's has the same path."""
    path = f"{scope['path']}/"
    is_shared = path.startswith("/v1/models/")
    return path.startswith("/v1/messages/") or (is_shared and "anthropic-version" in Headers(scope=scope))


def anthropic_event(error: ApiError) -> dict[str, object]:
    """The event of an error in a stream of Anthropic's API."""
    return anthropic_body(_anthropic_status(error.status), str(error))


def _anthropic_status(status: int) -> int:
    return _OVERLOADED if status == 503 else status


class _ErrorResponse(JSONResponse):
    """An error, in the shape of the API that its request is of: known when it is sent, wherever it was made."""

    def __init__(self, status: int, error: ErrorBody, headers: Mapping[str, str] | None) -> None:
        self._error, self._more = error, dict(headers or {})
        super().__init__({"error": error}, status_code=status, headers=self._more)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the error."""
        if not is_anthropic(scope):
            await super().__call__(scope, receive, send)
            return
        message, param, name = self._error["message"], self._error["param"], scope["state"][REQUEST_ID]
        if param is not None and param not in message:
            message = f"{param}: {message}"
        status = _anthropic_status(self.status_code)
        shown = {**anthropic_body(status, message), "request_id": name}
        headers = {**self._more, ANTHROPIC_ID: name}
        await JSONResponse(shown, status_code=status, headers=headers)(scope, receive, send)
