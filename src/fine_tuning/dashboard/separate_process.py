"""Heavy work in a separate process, one at a time, so that running out of memory does not end the server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from threading import Lock
from typing import Concatenate, ParamSpec, TypeVar

from fine_tuning.errors import FineTuningError
from fine_tuning.settings import Settings
from fine_tuning.store.workspace import Workspace, open_workspace

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")
_lock = Lock()


def in_separate_process(
    work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Return the result of `work`; concurrent callers wait.

    Raises:
        FineTuningError: `work` raised it, or its process was killed.
    """
    with _lock, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(work, *args, **kwargs).result()
        except BrokenProcessPool:
            raise FineTuningError("the process was killed; the machine may be out of memory") from None


def in_workspace_process(
    workspace: Workspace,
    work: Callable[Concatenate[Workspace, Parameters], Result],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Result:
    """As `in_separate_process`, of work that is passed the workspace."""
    return in_separate_process(_with_workspace, workspace.settings, workspace.database.location, work, args, kwargs)


def _with_workspace(
    settings: Settings,
    database: str,
    work: Callable[..., Result],
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> Result:
    """The edge of the other process: connections to a database do not pass between processes."""
    return work(open_workspace(database, settings), *args, **kwargs)
