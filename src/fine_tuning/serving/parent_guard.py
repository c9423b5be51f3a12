"""Run a program that must not outlive us: `python -m fine_tuning.serving.parent_guard PARENT PROGRAM ARGUMENT...`.

A killed process cannot stop what it started. So this small one stands between: it ends the program when the parent is
gone, and passes on the request to end and the exit status.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 20.0


def main(arguments: list[str]) -> int:
    """Run the program. Returns its exit status, 143 where it was ended from here."""
    parent, program = int(arguments[0]), arguments[1:]
    process = subprocess.Popen(program)  # noqa: S603 - chosen by the caller, no shell
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(signal.SIGTERM))
    while not asked and os.getppid() == parent:
        try:
            return process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    return 128 + signal.SIGTERM


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
