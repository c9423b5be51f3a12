"""Every failure as OpenAI words it: `{"error": {message, type, param, code}}` with the status its SDKs look for."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from fine_tuning.errors import (
    ConflictError,
    DataError,
    FineTuningError,
    NotFoundError,
    ProviderError,
    RefusedError,
    StorageError,
    UsageError,
)

_log = logging.getLogger(__name__)
_STATUSES: tuple[tuple[type[FineTuningError], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 400),
    (UsageError, 400),
    (DataError, 400),
    (RefusedError, 400),
    (ProviderError, 502),
    (StorageError, 507),
)
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """A request that is answered with an error.

    Args:
        param: the field that is wrong, as the client wrote it.
        code: a word that programs can test.
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
    """The request itself is wrong (400)."""
    return ApiError(400, message, param=param, code=code)


def not_found(kind: str, name: str, param: str) -> ApiError:
    """The thing named does not exist, or belongs to another project (404)."""
    return ApiError(404, f"No such {kind}: {name}", param=param, code=f"{kind.replace(' ', '_')}_not_found")


def install(app: FastAPI) -> None:
    """Answer every exception in OpenAI's shape; a bug is logged with its traceback and told without details."""

    @app.exception_handler(ApiError)
    async def _api(_: Request, error: ApiError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(FineTuningError)
    async def _expected(_: Request, error: FineTuningError) -> JSONResponse:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
        return _answer(status, str(error), None, None)

    @app.exception_handler(RequestValidationError)
    async def _fields(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"}) or None
        return _answer(400, f"{first['msg']}" + (f": '{param}'" if param else ""), param, first["type"])

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        message = f"{error.detail} ({request.method} {request.url.path})"
        return _answer(error.status_code, message, None, None, error.headers)

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(500, "The server had an error while processing your request; its log says more.", None, None)


def answer(error: ApiError) -> JSONResponse:
    """The response to a request that failed."""
    return _answer(error.status, str(error), error.param, error.code, error.headers)


def body(status: int, message: str, param: str | None = None, code: str | None = None) -> dict[str, str | None]:
    """The error object."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"message": message, "type": kind, "param": param, "code": code}


def _answer(
    status: int, message: str, param: str | None, code: str | None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"error": body(status, message, param, code)}, status_code=status, headers=dict(headers or {}))
