"""Data set plans run on Daft: on all local cores, or unchanged on a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
from functools import lru_cache
from typing import Any

from fine_tuning.errors import ConfigurationError, MissingDependencyError
from fine_tuning.settings import get_settings

CONNECT_SECONDS = 10.0


def daft() -> Any:
    """The daft module, its runner set by FINE_TUNING_RAY_ADDRESS (local when unset).

    Raises:
        MissingDependencyError: an address is set and Ray is not installed.
        ConfigurationError: no cluster answers there.
    """
    return _daft(get_settings().ray_address)


@lru_cache(maxsize=1)
def _daft(ray_address: str | None) -> Any:
    os.environ.setdefault("DAFT_SHOW_QUERY_ID", "0")  # otherwise a line on the terminal for every query
    import daft as module

    # What goes wrong in a plan is an error of whoever runs it, and said once.
    logging.getLogger("daft_local_execution").setLevel(logging.CRITICAL)

    if ray_address is not None:
        try:
            import ray
        except ImportError:
            raise MissingDependencyError("ray", "distributed", "running on a Ray cluster") from None
        _reach(ray_address)
        try:
            ray.init(ray_address, ignore_reinit_error=True, log_to_driver=False)
        except (ConnectionError, ValueError) as error:
            raise _unreached(ray_address, error) from None
        module.set_runner_ray(ray_address)
    return module


def _reach(address: str) -> None:
    """Connect once: Ray itself tries for minutes where nobody listens."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return  # such as "auto"
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unreached(address, error) from None


def _unreached(address: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"no Ray cluster at {address}: {error}; check --ray or FINE_TUNING_RAY_ADDRESS")
