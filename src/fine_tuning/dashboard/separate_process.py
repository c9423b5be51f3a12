"""Heavy work in a separate process, one at a time, so that running out of memory does not end the server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from threading import Lock
from typing import TypeVar

from fine_tuning.errors import FineTuningError

Result = TypeVar("Result")
_lock = Lock()


def in_separate_process(work: Callable[..., Result], *args: object, **kwargs: object) -> Result:
    """Return the result of `work`; concurrent callers wait.

    Raises:
        FineTuningError: `work` raised it, or its process was killed.
    """
    with _lock, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(work, *args, **kwargs).result()
        except BrokenProcessPool:
            raise FineTuningError("the process was killed; the machine may be out of memory") from None
