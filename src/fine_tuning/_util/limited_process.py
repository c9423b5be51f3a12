"""Run a Python program in a process of its own, with limits: what it reads may take any time and memory, or end it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Limits(NamedTuple):
    """Of a process.

    Attributes:
        seconds: until it is killed.
        memory_bytes: of address space.
    """

    seconds: float
    memory_bytes: int


def limiting(memory_bytes: int) -> str:
    """The lines with which a program limits itself; it also writes no memory to disk when it is ended."""
    return f"""
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({memory_bytes}, {memory_bytes}))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass  # no limits on this system
"""


def exit_code(
    program: str,
    limits: Limits,
    arguments: Sequence[str] = (),
    *,
    given: str = "",
    environment: Mapping[str, str] | None = None,
) -> int | None:
    """How a program ended, negative for a signal; None where it took too long. What it prints is not kept.

    Args:
        given: its standard input.
        environment: this process's by default.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            [sys.executable, "-P", "-c", limiting(limits.memory_bytes) + program, *arguments],
            input=given,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.returncode


def described(code: int) -> str:
    """An exit code in words."""
    return f"{'signal' if code < 0 else 'exit code'} {abs(code)}"
