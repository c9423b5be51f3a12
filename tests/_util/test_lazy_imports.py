"""Several threads need a library first at the same time, as two questions to a server that has just begun do."""

from __future__ import annotations

import os
import subprocess
import sys

FIRST = """
import sys
from threading import Barrier, Thread
from fine_tuning._util.lazy_imports import import_transformers
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


def test_import_transformers_concurrent_threads_get_complete_module() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


PATIENCE = """
import os
from fine_tuning._util.lazy_imports import import_llama_cpp
import_llama_cpp()
print(os.environ.get("GOMP_SPINCOUNT"))
"""


def test_import_llama_cpp_restores_environment() -> None:
    for given, found in (({}, "None"), ({"GOMP_SPINCOUNT": "7"}, "7")):
        told = {name: value for name, value in os.environ.items() if name not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}}
        done = subprocess.run([sys.executable, "-c", PATIENCE], capture_output=True, text=True, env=told | given)
        assert done.stdout.strip() == found, done.stderr
