"""Computation that ends early when nobody waits for it: waiting for a turn or a result, and passes of a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

Network = Any  # a torch.nn.Module, whose hooks have no types
Result = TypeVar("Result")
Check = Callable[[], None]  # raises where nobody waits any more

CHECK_SECONDS = 0.25


def unchecked() -> None:
    """Never end early: a `Check` for callers that always wait."""


@contextmanager
def turn(lock: threading.Lock, check: Check) -> Iterator[None]:
    """Hold a lock while the block runs, calling `check` while another holds it."""
    while not lock.acquire(timeout=CHECK_SECONDS):
        check()
    try:
        yield
    finally:
        lock.release()


def awaited(future: Future[Result], check: Check) -> Result:
    """The result of a future, calling `check` until it is there."""
    while not wait([future], timeout=CHECK_SECONDS).done:
        check()
    return future.result()


@contextmanager
def interruptible(network: Network, check: Check) -> Iterator[None]:
    """Call `check` before each part of a network that computes in the block; what it raises ends the pass.

    A pass over a long text takes seconds: only its layers are short.
    """
    with ExitStack() as hooks:
        for part in network.modules():
            hooks.callback(part.register_forward_pre_hook(lambda *_: check()).remove)
        yield
