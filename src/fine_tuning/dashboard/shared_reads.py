"""Reads that many browsers ask for at once are made once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any

_found: dict[Hashable, tuple[float, asyncio.Future[Any]]] = {}


async def shared(key: Hashable, read: Callable[[], Any], seconds: float) -> Any:
    """What `read` gives, at most so many seconds old; whoever asks meanwhile waits for the same answer."""
    now = time.monotonic()
    known = _found.get(key)
    if known is None or now - known[0] > seconds:
        for old in [name for name, (at, answer) in _found.items() if now - at > 60 and answer.done()]:
            del _found[old]
        _found[key] = known = (now, asyncio.ensure_future(asyncio.to_thread(read)))
    return await asyncio.shield(known[1])
