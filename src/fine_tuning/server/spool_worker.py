"""The process that stores the calls of the gateway, and changes routes by them: it takes no time from the one that
passes them on.

python -m fine_tuning.server.spool_worker --parent PID
python -m fine_tuning.server.spool_worker --once
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time
from contextlib import closing, nullcontext

from fine_tuning.errors import FineTuningError
from fine_tuning.gateway import telemetry
from fine_tuning.gateway.recorder import SPOOL
from fine_tuning.gateway.retention import remove_old
from fine_tuning.gateway.route_watch import watch
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.gateway.telemetry import Telemetry
from fine_tuning.store.workspace import open_workspace

_log = logging.getLogger(__name__)
EVERY_SECONDS = 1.0
REMOVAL_SECONDS = 600.0
_NICENESS = 10


def run(parent: int | None, stop: threading.Event, sender: Telemetry | None = None) -> None:
    """Store what there is once a second, until told to stop or the parent process has ended; once without a parent.
    After that, return and advance routes. Every ten minutes, delete the calls that are kept no longer.

    While the database is away the calls stay in the spool.

    Args:
        sender: is given each new call.
    """
    workspace = open_workspace()
    folder = workspace.settings.folder(SPOOL)
    is_last, last_removal = False, -REMOVAL_SECONDS
    while not is_last:
        is_last = parent is None or stop.wait(EVERY_SECONDS) or os.getppid() != parent
        try:
            store_spool(workspace, folder, sender)
            watch(workspace.database)
            if time.monotonic() - last_removal > REMOVAL_SECONDS:
                remove_old(workspace)
                last_removal = time.monotonic()
        except FineTuningError as error:
            _log.warning("the calls stay in %s: %s", folder, error)


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    until = parser.add_mutually_exclusive_group(required=True)
    until.add_argument("--parent", type=int, help="process id with which this one ends")
    until.add_argument("--once", action="store_true", help="store what there is now")
    parent: int | None = parser.parse_args().parent
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.nice(_NICENESS)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    sender = telemetry.opened()
    with closing(sender) if sender is not None else nullcontext():
        run(parent, stop, sender)


if __name__ == "__main__":
    main()
