"""Reads shared between browsers that request the same data at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

Result = TypeVar("Result")
_found: dict[Hashable, tuple[float, asyncio.Future[Any]]] = {}


async def shared(key: Hashable, read: Callable[[], Result], seconds: float) -> Result:
    """The result of `read`, at most `seconds` old; concurrent callers wait for the same read."""
    now = time.monotonic()
    known = _found.get(key)
    if known is None or now - known[0] > seconds:
        for old in [name for name, (at, answer) in _found.items() if now - at > 60 and answer.done()]:
            del _found[old]
        _found[key] = known = (now, asyncio.ensure_future(asyncio.to_thread(read)))
    return cast("Result", await asyncio.shield(known[1]))
