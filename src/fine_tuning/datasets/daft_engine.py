"""Data set plans run on Daft: on all local cores, or unchanged on a Ray cluster."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from typing import Any

from fine_tuning._util import ray_cluster
from fine_tuning.settings import get_settings


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
        ray_cluster.connect(ray_address, log_to_driver=False)
        module.set_runner_ray(ray_address)
    return module
