"""Large files, read by several processes at once, in the order of their rows."""

from __future__ import annotations

import json
import marshal
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import astuple
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import IO, TypedDict, cast

from fine_tuning import errors
from fine_tuning._util.garbage import paused_collector
from fine_tuning.data_io.usage import Usage
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.row_reader import Block, ReadCall
from fine_tuning.errors import FineTuningError, ProviderError
from fine_tuning.store.records.examples import NewExample
from fine_tuning.store.records.rows import JsonColumn


class Task(TypedDict):
    """What a worker does: every `workers`-th block of the files, from the block `first` on."""

    files: list[str]
    defaults: tuple[str | None, str, str, int | None, str | None]
    first: int
    workers: int


MIN_BYTES = 32 << 20  # below, starting the workers takes longer than they save
MAX_WORKERS = 8
BATCH_BYTES = 4 << 20  # of calls that are stored at once: fewer commits, for none of which others wait for over 0.3 s
PIPE_BYTES = 1 << 20  # more than a usual block, so that a worker goes on while the calls of another one are stored
LENGTH_BYTES = 8  # before each answer of a worker
NO_MORE = marshal.dumps({})
_ENDED = "a process that reads the files ended too early, perhaps for lack of memory; run again"


def is_worthwhile(files: Sequence[str]) -> bool:
    """Whether these files are local, and large enough for several processes."""
    sizes = [Path(file).stat().st_size for file in files if Path(file).is_file()]
    return len(sizes) == len(files) and sum(sizes) >= MIN_BYTES and (os.cpu_count() or 1) > 1


class ParallelImport:
    """One pass over files, with the interface of `row_reader.Import`."""

    def __init__(self, files: Sequence[str], defaults: Defaults) -> None:
        self._files, self._defaults = list(files), defaults
        self.report = ImportReport()

    def batches(self) -> Iterator[list[Block]]:
        """The rows of the files, in lists of blocks of about `BATCH_BYTES`.

        Raises:
            NotFoundError, DataError: a file is missing or truncated; the blocks before it come first.
        """
        batch: list[Block] = []
        size = 0
        try:
            for answer in self._answers():
                batch.append(self._block(answer))
                size += len(answer)
                if size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
        except FineTuningError:
            if batch:
                yield batch
            raise
        if batch:
            yield batch

    def _answers(self) -> Iterator[bytes]:
        """The answers of the workers, in the order of the blocks."""
        count = min(os.cpu_count() or 1, MAX_WORKERS)
        with ExitStack() as stack:
            streams = [stack.enter_context(_Worker(self._task(first, count))).answers for first in range(count)]
            for stream in cycle(streams):
                answer = _read(stream, int.from_bytes(_read(stream, LENGTH_BYTES)))
                if answer == NO_MORE:
                    return
                yield answer

    def _block(self, answer: bytes) -> Block:
        with paused_collector():
            found: JsonColumn = marshal.loads(answer)  # noqa: S302 - of our own process
            if "error" in found:
                kind, message = cast("tuple[str, str]", found["error"])
                raise getattr(errors, kind)(message)
            self.report.add(_report(cast("JsonColumn", found["report"])))
            calls = [_decoded(call) for call in cast("list[list[object]]", found["calls"])]
        return Block(calls, str(found["content"]))

    def _task(self, first: int, count: int) -> Task:
        return {"files": self._files, "defaults": astuple(self._defaults), "first": first, "workers": count}


class _Worker:
    def __init__(self, task: Task) -> None:
        command = [sys.executable, "-m", "fine_tuning.distillation.import_worker"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        _enlarge(self.answers)
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


def _enlarge(pipe: IO[bytes]) -> None:
    """Let a pipe hold `PIPE_BYTES`, where the system does; its user may be short of pages for pipes."""
    if sys.platform == "linux":
        import fcntl  # not on every system

        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _read(stream: IO[bytes], size: int) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise ProviderError(_ENDED)
    return found


def _report(value: JsonColumn) -> ImportReport:
    """A report from its values, of which counters are plain dictionaries."""
    found: JsonColumn = {name: Counter(each) if isinstance(each, dict) else each for name, each in value.items()}
    return ImportReport(**found)


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
