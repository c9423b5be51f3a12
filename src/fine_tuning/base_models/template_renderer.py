"""Render chat templates in other processes, with limits of time, memory and text: a template may never end."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from fine_tuning._util.limited_process import limiting

MEMORY_BYTES = 1 << 29  # of address space
KEPT = 2  # processes that wait for the next template; starting one takes a tenth of a second
_DONE, _TOO_LONG = "done", "too long"
# Answers each line, a template with the variables of its trials, by a line.
_PROGRAM = f"""
import json, os, sys
{limiting(MEMORY_BYTES)}
from datetime import datetime
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
class Generation(Extension):
    tags = {{"generation"}}
    def parse(self, parser):
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)
def refuse(why):
    raise ValueError(why)
environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
environment.globals |= {{"raise_exception": refuse, "strftime_now": datetime.now().strftime}}
environment.filters["tojson"] = lambda value, **_: json.dumps(value)
def outcome(template, trials, limit):
    try:
        template = environment.from_string(template)  # which computes what does not depend on variables
    except MemoryError:
        return {_TOO_LONG!r}
    for variables in trials:
        length = 0
        try:
            for piece in template.generate(variables):
                length += len(piece)
                if length > limit:
                    return {_TOO_LONG!r}
        except MemoryError:
            return {_TOO_LONG!r}
        except Exception:
            continue  # it refuses this conversation
    return {_DONE!r}
for line in sys.stdin:
    print(outcome(*json.loads(line)), flush=True)
"""
_idle: list[subprocess.Popen[str]] = []


def rendering_problem(template: str, trials: Sequence[Mapping[str, Any]], seconds: float, limit: int) -> str | None:
    """What is wrong with rendering a template; None if nothing is.

    Args:
        trials: the variables of each rendering.
        seconds: for all of them.
        limit: characters of each text.
    """
    line = json.dumps([template, trials, limit], default=str) + "\n"
    try:
        process = _idle.pop()
    except IndexError:
        process = _started()
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        answer = _answer(process, line)
    finally:
        timer.cancel()
    if answer == _DONE and not is_late.is_set() and len(_idle) < KEPT:
        _idle.append(process)
        return None
    process.kill()
    _close(process)
    if answer:
        return None if answer == _DONE else f"becomes a text of more than {limit:,} characters"
    return f"takes more than {seconds:.0f} seconds" if is_late.is_set() else f"ends with {process.returncode}"


def _started() -> subprocess.Popen[str]:
    pipe, command = subprocess.PIPE, [sys.executable, "-P", "-c", _PROGRAM]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, text=True)  # noqa: S603 - fixed


def _answer(process: subprocess.Popen[str], line: str) -> str:
    """The line that a process answers; empty if it ended."""
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(line)
        process.stdin.flush()
        return process.stdout.readline().strip()
    except OSError:
        return ""


def _close(process: subprocess.Popen[str]) -> None:
    with process:
        process.stdin = None  # what was not read any more is not sent


@atexit.register
def _close_idle() -> None:
    while _idle:
        process = _idle.pop()
        process.kill()
        _close(process)
