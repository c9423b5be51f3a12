"""Reads a share of the rows of large files in a process of its own: `python -m fine_tuning.distillation.import_worker`.

Every worker reads all rows and parses each of its own blocks, since parsing takes most of the time. It gets one line of
JSON, its task, and answers with a line for each block and an empty object at the end.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator

from fine_tuning.data_io import sources
from fine_tuning.distillation.import_report import Defaults
from fine_tuning.distillation.importer import Import, ReadCall, blocks_of
from fine_tuning.distillation.parallel_import import Task
from fine_tuning.errors import FineTuningError


def work(task: Task) -> Iterator[str]:
    """The answers to a task, as lines."""
    defaults = Defaults(*task["defaults"])
    try:
        for number, rows in enumerate(blocks_of(sources.with_requests(sources.read_all(task["files"])))):
            if number % task["workers"] == task["first"]:
                run = Import(defaults)
                block = run.block(rows)
                calls = [_encoded(call) for call in block.calls]
                yield json.dumps({"calls": calls, "content": block.content, "report": vars(run.report)})
    except FineTuningError as error:
        yield json.dumps({"error": [type(error).__name__, str(error)]})
        return
    yield json.dumps({})


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
    for line in work(json.loads(sys.stdin.readline())):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        gc.collect()


if __name__ == "__main__":
    main()
