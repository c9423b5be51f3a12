"""Heavy work in a process of its own, one after the other: short of memory, it does not take the server with it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from threading import Lock
from typing import Any

from fine_tuning.errors import FineTuningError

_turn = Lock()


def apart(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `work` gives; whoever comes meanwhile waits.

    Raises:
        FineTuningError: what `work` raises, or its process was killed.
    """
    with _turn, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(work, *args, **kwargs).result()
        except BrokenProcessPool:
            raise FineTuningError("the process that did it was killed; the machine may be out of memory") from None
