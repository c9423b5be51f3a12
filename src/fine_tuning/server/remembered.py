"""What the gateway looks up in the database for its calls, at most once a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

from fine_tuning.errors import FineTuningError
from fine_tuning.gateway.vendor_keys import VendorKeys
from fine_tuning.gateway.wire_errors import GatewayError
from fine_tuning.store import vendor_keys
from fine_tuning.store.workspace import Workspace

Found = TypeVar("Found")
_MOST_KEYS = 10_000
_SECONDS = 1.0  # a key that was revoked is refused after this time


class Remembered(Generic[Found]):
    """What is looked up in a thread, by texts that say what."""

    def __init__(self, look_up: Callable[..., Found]) -> None:
        self._look_up = look_up
        self._known: dict[tuple[str, ...], tuple[float, Found]] = {}

    async def of(self, *key: str) -> Found:
        """What was found within the last second, or is found now."""
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and now < known[0]:
            return known[1]
        found = await run_in_threadpool(self._look_up, *key)
        if len(self._known) > _MOST_KEYS:
            self._known.clear()
        self._known[key] = now + _SECONDS, found
        return found


class HeldKeys:
    """Vendors' keys that the gateway holds."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._held = Remembered(self._look_up)

    async def of(self, project: str, upstream: str) -> str | None:
        """The key that is held for a project; None where there is none.

        Raises:
            GatewayError: 503, it cannot be decrypted.
        """
        try:
            return await self._held.of(project, upstream)
        except FineTuningError as error:
            raise GatewayError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), "vendor_key_unreadable") from None

    def _look_up(self, project: str, upstream: str) -> str | None:
        """As `of`; the setting that decrypts it is needed only where there is one."""
        with self._workspace.database.read() as tx:
            if vendor_keys.encrypted(tx, project, upstream) is None:
                return None
        return VendorKeys(self._workspace.settings).held(self._workspace.database, project, upstream)
