"""Reads a share of the rows of large files in a process of its own: `python -m fine_tuning.distillation.import_worker`.

Every worker reads all rows and parses each of its own blocks, since parsing takes most of the time. It gets one line of
JSON, its task, and answers with a message for each block and an empty one at the end: eight bytes with its length, and
Python's own form of plain values (marshal), which is written and read sooner than JSON.
"""

from __future__ import annotations

import gc
import json
import marshal
import os
import sys
from collections import Counter
from collections.abc import Iterator
from queue import Queue
from threading import Thread

from fine_tuning.data_io import sources
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.parallel_import import LENGTH_BYTES, Task
from fine_tuning.distillation.row_reader import Import, ReadCall, blocks_of
from fine_tuning.errors import FineTuningError

WORKERS_NICE = 10  # whoever stores the calls is waited for by all
COLLECTED_BLOCKS = 20
BLOCKS_AHEAD = 4  # that wait to be sent while the calls of other workers are stored


def work(task: Task) -> Iterator[bytes]:
    """The answers to a task."""
    defaults = Defaults(*task["defaults"])
    try:
        for number, rows in enumerate(
            blocks_of(sources.with_requests(sources.read_all(task["files"], defaults.encoding)))
        ):
            if number % task["workers"] == task["first"]:
                run = Import(defaults)
                block = run.block(rows)
                calls = [_encoded(call) for call in block.calls]
                yield marshal.dumps({"calls": calls, "content": block.content, "report": _counts(run.report)})
    except FineTuningError as error:
        yield marshal.dumps({"error": [type(error).__name__, str(error)]})
        return
    yield marshal.dumps({})


def _counts(report: ImportReport) -> dict[str, object]:
    return {name: dict(each) if isinstance(each, Counter) else each for name, each in vars(report).items()}


def _encoded(call: ReadCall) -> list[object]:
    records = [
        None if each is None else {**each, "captured_at": each["captured_at"].isoformat()}
        for each in (call.better, call.worse)
    ]
    return [*records, call.format, call.file, call.line, call.usage]


def main() -> None:
    """Do the task on the standard input."""
    # Rows make no cycles: the collector would search the thousands of objects of a block again and again.
    gc.disable()
    gc.freeze()
    if hasattr(os, "nice"):
        os.nice(WORKERS_NICE)
    answers: Queue[bytes | None] = Queue(BLOCKS_AHEAD)
    sending = Thread(target=_send, args=(answers,))
    sending.start()
    for number, answer in enumerate(work(json.loads(sys.stdin.readline())), 1):
        answers.put(answer)
        if not number % COLLECTED_BLOCKS:
            gc.collect()
    answers.put(None)
    sending.join()


def _send(answers: Queue[bytes | None]) -> None:
    try:
        while (answer := answers.get()) is not None:
            sys.stdout.buffer.write(len(answer).to_bytes(LENGTH_BYTES) + answer)
            sys.stdout.buffer.flush()
    except OSError:  # the import has ended, and nobody reads the answers
        os._exit(1)


if __name__ == "__main__":
    main()
