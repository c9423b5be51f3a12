"""Large files, read by several processes at once, in the order of their rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import astuple
from datetime import datetime
from pathlib import Path
from typing import IO, TypedDict, cast

from fine_tuning import errors
from fine_tuning.data_io.usage import Usage
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.importer import Block, ReadCall
from fine_tuning.errors import ProviderError
from fine_tuning.store.records.examples import NewExample
from fine_tuning.store.records.rows import JsonColumn


class Task(TypedDict):
    """What a worker does: every `workers`-th block of the files, from the block `first` on."""

    files: list[str]
    defaults: tuple[str | None, str, str, int | None]
    first: int
    workers: int


MIN_BYTES = 32 << 20  # below, starting the workers takes longer than they save
MAX_WORKERS = 8


def is_worthwhile(files: Sequence[str]) -> bool:
    """Whether these files are local, and large enough for several processes."""
    sizes = [Path(file).stat().st_size for file in files if Path(file).is_file()]
    return len(sizes) == len(files) and sum(sizes) >= MIN_BYTES and (os.cpu_count() or 1) > 1


class ParallelImport:
    """One pass over files, with the interface of `importer.Import`."""

    def __init__(self, files: Sequence[str], defaults: Defaults) -> None:
        self._files, self._defaults = list(files), defaults
        self.report = ImportReport()

    def blocks(self) -> Iterator[Block]:
        """The rows of the files.

        Raises:
            NotFoundError, DataError: a file is missing or truncated.
        """
        count = min(os.cpu_count() or 1, MAX_WORKERS)
        with ExitStack() as stack:
            streams = [stack.enter_context(_Worker(self._task(first, count))).answers for first in range(count)]
            number = 0
            while True:
                answer = _answer(streams[number % count])
                if not answer:
                    return
                self.report.add(_report(cast("JsonColumn", answer["report"])))
                calls = [_decoded(call) for call in cast("list[list[object]]", answer["calls"])]
                yield Block(calls, str(answer["content"]))
                number += 1

    def _task(self, first: int, count: int) -> Task:
        return {"files": self._files, "defaults": astuple(self._defaults), "first": first, "workers": count}


class _Worker:
    def __init__(self, task: Task) -> None:
        command = [sys.executable, "-m", "fine_tuning.distillation.import_worker"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(json.dumps(task).encode() + b"\n")
        self._process.stdin.close()

    @property
    def answers(self) -> IO[bytes]:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        return self._process.stdout

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self.answers.close()
        self._process.wait()


def _answer(stream: IO[bytes]) -> JsonColumn:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise ProviderError("a process that reads the files ended too early, perhaps for lack of memory; run again")
    answer: JsonColumn = json.loads(line)
    if "error" in answer:
        kind, message = cast("tuple[str, str]", answer["error"])
        raise getattr(errors, kind)(message)
    return answer


def _report(value: JsonColumn) -> ImportReport:
    """A report from its JSON, where keys are text."""
    unrated = Counter({int(rating): count for rating, count in value["unrated"].items()})
    counts: dict[str, Counter[str]] = {key: Counter(value[key]) for key in ("formats", "untrainable")}
    return ImportReport(**{**value, **counts, "unrated": unrated})


def _decoded(call: list[object]) -> ReadCall:
    better, worse, name, file, line, usage = call
    return ReadCall(
        _record(better),
        None if worse is None else _record(worse),
        str(name),
        str(file),
        cast("int", line),
        cast("Usage | None", usage),
    )


def _record(value: object) -> NewExample:
    record = cast("JsonColumn", value)
    record["captured_at"] = datetime.fromisoformat(str(record["captured_at"]))
    return cast("NewExample", record)
