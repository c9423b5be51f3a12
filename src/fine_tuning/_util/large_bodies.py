"""Work on large bodies, beside the event loop and one after the other, so that the worst of them holds up nobody else.

Python's lock is held while C code parses or validates, and shared by turns of milliseconds while Python code runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

LARGE_BYTES = 64 << 10
LARGE = CapacityLimiter(1)
"""Of the work on bodies with more than `LARGE_BYTES`."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def read_beside(
    size: int, read: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """The result of a function that reads a body of so many bytes; a small one is read at once."""
    if size <= LARGE_BYTES:
        return read(*arguments, **named)
    return await run_sync(lambda: read(*arguments, **named), limiter=LARGE)
