"""Who may call the gateway, for which project, how often, and with how much."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import Scope

from fine_tuning.errors import StorageError
from fine_tuning.gateway.remembered import Remembered
from fine_tuning.gateway.wire_errors import GatewayError
from fine_tuning.server import authentication, caller_checks
from fine_tuning.server.api_errors import ApiError, of_storage
from fine_tuning.server.authentication import Access
from fine_tuning.server.rate_limits import RateLimiter
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.database import Database


class GatewayCallers:
    """Looks up the gateway's keys, at most once a second.

    Args:
        rates: of each client, whether its calls are passed on, of a route, or this server's own.
    """

    def __init__(self, database: Database, config: ServerConfig, rates: RateLimiter) -> None:
        self._accesses = Remembered(lambda key: authentication.access(database, f"Bearer {key}"))
        self._config, self._rates = config, rates

    async def of(self, key: str) -> Access:
        """What a key may access.

        Raises:
            GatewayError: the database is away.
        """
        try:
            return await self._accesses.of(key)
        except StorageError as error:
            raise _as_gateway_error(of_storage(error)) from None

    def count(self, scope: Scope, access: Access) -> None:
        """Count a call of a client.

        Raises:
            GatewayError: 429, it is one too many.
        """
        try:
            self._rates.check(authentication.client_of(scope, access))
        except ApiError as error:
            raise _as_gateway_error(error) from None

    def project(self, scope: Scope, access: Access, *, by_name: bool = False) -> str:
        """The project of a call.

        Args:
            by_name: an owner's key may name another one in the header OpenAI-Project.

        Raises:
            GatewayError: the caller may not use the gateway.
        """
        if access.project is None:
            message = "this gateway needs its own key, as x-ft-key or as the key of the SDK: ft-cli keys create NAME"
            raise GatewayError(HTTPStatus.UNAUTHORIZED, message, "invalid_gateway_key")
        names, origins = self._config.allowed_hosts, self._config.allowed_origins
        if reason := caller_checks.refusal(scope, names, origins, is_open=access.key_id is None, is_passed_on=True):
            raise GatewayError(HTTPStatus.FORBIDDEN, reason, "forbidden_caller")
        if access.read_only:
            message = "this key of the gateway is read-only; create another one: ft-cli keys create NAME"
            raise GatewayError(HTTPStatus.FORBIDDEN, message, "read_only_key")
        named = dict(scope["headers"]).get(b"openai-project", b"").decode("latin-1")
        return named if by_name and access.is_owner and named else access.project


def _as_gateway_error(error: ApiError) -> GatewayError:
    return GatewayError(HTTPStatus(error.status), str(error), error.code or "", headers=error.headers)
