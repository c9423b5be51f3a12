"""Connection to a Ray cluster."""

from __future__ import annotations

import socket
import time
from types import ModuleType
from typing import cast

from fine_tuning.errors import ConfigurationError, MissingDependencyError, TrainingError

CONNECT_SECONDS = 10.0
START_SECONDS = 180.0  # Ray itself gives up after 30, too few on a machine that is busy with other things


def connect(address: str, **options: object) -> ModuleType:
    """Connect this process to the cluster at an address. Returns the ray module.

    Raises:
        MissingDependencyError: Ray is not installed.
        ConfigurationError: there is no cluster at the address.
    """
    ray = installed()
    _reach(address)
    try:
        ray.init(address, ignore_reinit_error=True, **options)
    except (ConnectionError, ValueError) as error:
        raise _unreached(address, error) from None
    return ray


def start(**options: object) -> ModuleType:
    """Start a cluster on this machine, which lasts as long as this process. Returns the ray module.

    Raises:
        MissingDependencyError: Ray is not installed.
        TrainingError: its processes did not start within `START_SECONDS`.
    """
    ray = installed()
    patience = time.monotonic() + START_SECONDS
    while True:
        try:
            ray.init(address="local", **options)
        except Exception as error:  # Ray raises no other kind where its processes are slow to start
            ray.shutdown()
            if time.monotonic() > patience:
                reason = str(error).strip().partition("\n")[0]
                raise TrainingError(f"Ray does not start here: {reason}; see what else this machine does") from error
        else:
            return ray


def installed() -> ModuleType:
    """The ray module.

    Raises:
        MissingDependencyError: Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise MissingDependencyError("ray", "distributed", "running on a Ray cluster") from None
    return cast("ModuleType", ray)


def _reach(address: str) -> None:
    """Try a connection first: Ray itself retries for minutes if there is no cluster."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return  # such as "auto"
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unreached(address, error) from None


def _unreached(address: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"no Ray cluster at {address}: {error}; check --ray or FINE_TUNING_RAY_ADDRESS")
