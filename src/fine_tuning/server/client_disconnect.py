"""Detect that the client of a request has disconnected, so that the model can be stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

CHECK_SECONDS = 0.25
CLIENT_CLOSED_REQUEST = 499  # the status that nginx logs; the client does not read it


async def disconnect_check(request: Request) -> Callable[[], bool]:
    """A function for the thread that answers: whether the client has disconnected; checks every `CHECK_SECONDS`."""
    loop = asyncio.get_running_loop()
    checked = time.monotonic()

    def client_disconnected() -> bool:
        nonlocal checked
        if time.monotonic() - checked < CHECK_SECONDS:
            return False
        checked = time.monotonic()
        return asyncio.run_coroutine_threadsafe(request.is_disconnected(), loop).result()

    return client_disconnected


ClientDisconnected = Annotated[Callable[[], bool], Depends(disconnect_check)]
