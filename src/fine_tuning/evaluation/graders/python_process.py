"""Run a python grader's source in a process of its own, which runs `python_sandbox`, within limits."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

from fine_tuning.evaluation.graders import python_sandbox
from fine_tuning.evaluation.graders.grading import GradingFailed, PythonLimits, Row

_START_SECONDS = 5  # for the interpreter and the modules
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}


def run(source: str, row: Row, limits: PythonLimits) -> float:
    """What `grade(sample, item)` returns.

    Raises:
        GradingFailed: the source fails, exceeds a limit or returns no number; or there is no sandbox here.
    """
    request = {"source": source, "sample": row.sample.variables(), "item": row.item, "memory_mib": limits.memory_mib}
    with _place(limits):
        reply = _reply(json.dumps({**request, "seconds": limits.seconds}), limits)
    if error := reply.get("unavailable"):
        raise GradingFailed("python_grader_server_error", f"no sandbox for python graders: {error}", "unavailable")
    if error := reply.get("error"):
        raise GradingFailed("python_grader_runtime_error", _one_line(str(error)))
    reward = reply.get("reward")
    if not isinstance(reward, int | float) or not isfinite(reward):
        raise GradingFailed("python_grader_runtime_error", f"grade must return a finite number, not {reward!r}")
    return float(reward)


@contextmanager
def _place(limits: PythonLimits) -> Iterator[None]:
    """One of the places for processes, which together could take all memory of the machine."""
    if not limits.places.acquire(timeout=limits.wait_seconds):
        busy = f"other python graders took all places for {limits.wait_seconds:g} s; try again"
        raise GradingFailed("python_grader_server_error", busy, "busy")
    try:
        yield
    finally:
        limits.places.release()


def _reply(request: str, limits: PythonLimits) -> dict[str, object]:
    """What the process writes: into a file, whose size the sandbox limits, as it does not limit a pipe."""
    # -I: no environment, no user's packages, no current folder; what is installed stays importable.
    command = [sys.executable, "-I", "-B", str(Path(python_sandbox.__file__))]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and this package's file, no shell
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL, env=_ENVIRONMENT, cwd=folder
        )
        try:
            process.communicate(request.encode("utf-8", "surrogatepass"), timeout=limits.seconds + _START_SECONDS)
        except subprocess.TimeoutExpired:
            raise _exceeded(limits) from None
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        written = output.read(python_sandbox.MAX_REPLY_BYTES)
    try:
        reply = json.loads(written)
    except ValueError:
        reply = None
    if isinstance(reply, dict):
        return reply
    if process.returncode in python_sandbox.TIME_SIGNALS:
        raise _exceeded(limits)
    details = f"the process ended with status {process.returncode} and without a reward"
    raise GradingFailed("python_grader_runtime_error", f"{details} (its memory is limited to {limits.memory_mib} MiB)")


def _one_line(text: str) -> str:
    """As text that can be sent: without line breaks and lone surrogates."""
    return " ".join(text.split()).encode("utf-8", "replace").decode()


def _exceeded(limits: PythonLimits) -> GradingFailed:
    return GradingFailed("python_grader_runtime_error", f"grade takes longer than {limits.seconds} s", "timeout")
