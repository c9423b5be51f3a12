"""How long an answer takes on an idle machine and beside programs that keep every core busy.

The peer is llama.cpp as it waits by default (OpenMP's threads turn some 300,000 times before they sleep).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import report

ROUNDS, TOKENS, TOGETHER = 3, 48, 8
DEFAULT_TURNS = "300000"  # GCC's, where there are no more threads than cores
ASK = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from fine_tuning import LLMService

tokens, together = map(int, sys.argv[1:])
service = LLMService(model="smollm2-135m-instruct", record_costs=False)
service.complete("hi", 0, 4)

def seconds(count):
    started = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda number: service.complete(f"Tell me story {number}.", 0, tokens), range(count)))
    return time.perf_counter() - started

print(json.dumps([seconds(1), seconds(together)]))
service.close()
"""


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Beside so many programs that compute all the time."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def answered(**environment: str) -> tuple[float, float]:
    """Seconds for one answer, and for several at once."""
    one, several = json.loads(report.run_python(ASK, str(TOKENS), str(TOGETHER), **environment))
    return one, several


def main() -> None:
    """Measure in turn, and write the section."""
    lines = [f"| {TOKENS} tokens of SmolLM2-135M | as it is by default | here | faster |", "|---|---|---|---|"]
    for said, programs in (("idle", 0), ("every core busy", os.cpu_count() or 1)):
        with busy(programs):
            pairs = [(answered(GOMP_SPINCOUNT=DEFAULT_TURNS), answered()) for _ in range(ROUNDS)]
        for place, what in enumerate(("one answer", f"{TOGETHER} at once")):
            before, after = (median(pair[side][place] for pair in pairs) for side in (0, 1))
            lines.append(f"| {said}, {what} | {before:.2f} s | {after:.2f} s | {before / after:.1f} times |")
    report.write("Answers on a busy machine", "bench_busy.py", "\n".join(lines))


if __name__ == "__main__":
    main()
