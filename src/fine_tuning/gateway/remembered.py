"""What the gateway looks up in the database for its calls, at most once a second.

What is known holds while the database is away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Generic, NamedTuple, TypeVar

from fastapi.concurrency import run_in_threadpool

from fine_tuning.errors import FineTuningError, StorageError
from fine_tuning.gateway.vendor_keys import VendorKeys
from fine_tuning.gateway.wire_errors import GatewayError
from fine_tuning.store import vendor_keys
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
Found = TypeVar("Found")
_MOST_KEYS = 10_000
READ_SECONDS = 1.0  # after this time a key that was revoked is refused, and a change of a route holds
_AWAY_SECONDS = 600.0  # and what was known last is used no longer, should the database be away for so long


class _Known(NamedTuple, Generic[Found]):
    """What was found, and when; until when it is not looked up again."""

    value: Found
    found_at: float
    until: float


class Remembered(Generic[Found]):
    """What is looked up in a thread, by texts that say what; calls that ask for the same share one look-up."""

    def __init__(self, look_up: Callable[..., Found]) -> None:
        self._look_up = look_up
        self._known: dict[tuple[str, ...], _Known[Found]] = {}
        self._under_way: dict[tuple[str, ...], asyncio.Task[Found]] = {}
        self._is_away = False

    async def of(self, *key: str) -> Found:
        """What was found within the last second, or is found now, or what was known when the database went away.

        Raises:
            StorageError: the database is away, and nothing is known, or has been for ten minutes.
        """
        known = self._known.get(key)
        if known is not None and time.monotonic() < known.until:
            return known.value
        if key not in self._under_way:
            self._under_way[key] = asyncio.create_task(self._find(key, known))
        # a caller that leaves ends its own wait, not that of the others
        return await asyncio.shield(self._under_way[key])

    async def _find(self, key: tuple[str, ...], known: _Known[Found] | None) -> Found:
        """Look it up, or keep what was known; as `of`."""
        now = time.monotonic()
        try:
            found = _Known(await run_in_threadpool(self._look_up, *key), now, now + READ_SECONDS)
            self._is_away = False
        except StorageError as error:
            if known is None or now > known.found_at + _AWAY_SECONDS:
                raise
            self._warn(error)
            found = known._replace(until=time.monotonic() + READ_SECONDS)
        finally:
            del self._under_way[key]
        if len(self._known) > _MOST_KEYS:
            self._known.clear()
        self._known[key] = found
        return found.value

    def _warn(self, error: StorageError) -> None:
        """Say once for each time that the database is away."""
        if not self._is_away:
            _log.warning("what was known before holds for the gateway: %s", error)
        self._is_away = True


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
