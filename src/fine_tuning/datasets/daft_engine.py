"""Daft, which runs the plans of datasets: on all local cores, or unchanged on a Ray cluster."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

from fine_tuning._util import ray_cluster

DaftModule: TypeAlias = Any  # daft has no types that mypy sees
DaftFrame: TypeAlias = Any
DaftExpression: TypeAlias = Any


@cache
def daft(ray_address: str | None = None) -> DaftModule:
    """The daft module.

    Args:
        ray_address: run the process's plans on this cluster from now on; without one, as they already run (on this
            machine unless a cluster was named before).

    Raises:
        MissingDependencyError: an address is given and Ray is not installed.
        ConfigurationError: no cluster answers there.
    """
    os.environ.setdefault("DAFT_SHOW_QUERY_ID", "0")  # otherwise a line on the terminal for every query
    if "ray" not in sys.modules and "RAY_JOB_ID" not in os.environ:
        os.environ.setdefault("DAFT_RUNNER", "native")  # otherwise it loads Ray, where installed, to look for a cluster
    import daft as module

    # What goes wrong in a plan is an error of whoever runs it, and reported once.
    logging.getLogger("daft_local_execution").setLevel(logging.CRITICAL)

    if ray_address is not None:
        ray_cluster.connect(ray_address, log_to_driver=False)
        module.set_runner_ray(ray_address)
    return module


@contextmanager
def interruptible() -> Iterator[None]:
    """Runs a plan whose interruption (Ctrl-C) leaves no traceback of Daft's unfinished work on the terminal."""
    hook = sys.unraisablehook
    # Streams of results are ended where they wait for more, which fails and is no one's to know.
    sys.unraisablehook = lambda failure: None if inspect.isasyncgen(failure.object) else hook(failure)
    try:
        yield
    except KeyboardInterrupt as interrupted:
        sys.unraisablehook = lambda _: None
        traceback.clear_frames(interrupted.__traceback__)  # which ends what they still hold, and fails at it
        raise
    finally:
        sys.unraisablehook = hook
