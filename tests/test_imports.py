"""Several threads need a library first at the same time, as two questions to a server that has just begun do."""

from __future__ import annotations

import subprocess
import sys

FIRST = """
import sys
from threading import Barrier, Thread
from fine_tuning.imports import import_transformers
start, failed = Barrier(4), []
def need(number):
    start.wait()
    try:
        import_transformers()
        from transformers import AutoConfig
    except ImportError as error:
        failed.append(error)
threads = [Thread(target=need, args=[number]) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit(str(failed) if failed else 0)
"""


def test_each_thread_gets_the_whole_of_transformers() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
