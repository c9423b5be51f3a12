"""A server of uvicorn in a thread of this process, on a port of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import uvicorn


class ServedApp(NamedTuple):
    """The port of a server that answers there, and what stops it and waits for its end."""

    port: int
    stop: Callable[[], None]


@contextmanager
def served(config: uvicorn.Config) -> Iterator[ServedApp]:
    """A server with these settings, for as long as the block runs or until it is stopped."""
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.002)

    def stop() -> None:
        server.should_exit = True
        thread.join()

    try:
        yield ServedApp(server.servers[0].sockets[0].getsockname()[1], stop)
    finally:
        stop()
