"""Run a program that must not outlive its parent.

Usage: `python -m fine_tuning.serving.parent_guard PARENT PROGRAM ARGUMENT...`. A killed process cannot stop its
children, so this small process runs between them: it terminates the program when the parent is gone, and passes on
SIGTERM and the exit status.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 20.0


def main(arguments: list[str]) -> int:
    """Run the program. Returns its exit status, 143 where this process terminated it."""
    parent, program = int(arguments[0]), arguments[1:]
    process = subprocess.Popen(program)  # noqa: S603 - chosen by the caller, no shell
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: received.append(signal.SIGTERM))
    while not received and os.getppid() == parent:
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
