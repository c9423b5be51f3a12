"""Detect that the client of a request has disconnected, so that the model can be stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from fine_tuning.server.api_errors import CLIENT_CLOSED_REQUEST, ApiError

CHECK_SECONDS = 0.25


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


def check_connected(client_disconnected: Callable[[], bool]) -> None:
    """Stop answering a client that has disconnected.

    Raises:
        ApiError: 499.
    """
    if client_disconnected():
        raise ApiError(CLIENT_CLOSED_REQUEST, "the client has disconnected")


ClientDisconnected = Annotated[Callable[[], bool], Depends(disconnect_check)]
