"""Kill -9 at random moments of every operation that writes, and look at what is left.

`python -m scripts.random_kills --kills 200` runs each operation of `scripts/killed_operations.py` in a process of its
own and kills it: half of the kills come after a random time, the others before a random one of its changes of a file
or its statements of SQL. After each, nothing that was acknowledged may be lost, nothing half-made be visible, and
`ft-cli doctor` must know what is left over; then the operation runs again, to its end. With `--postgresql URL` the
workspaces have databases on that server.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scripts import killed_operations
from scripts.killed_bakeoffs import Bakeoff
from scripts.killed_databases import EMPTY, HOME, Databases
from scripts.killed_operations import Acknowledge, Operation, Places, Work, left_over
from sqlalchemy import event
from sqlalchemy.engine import Engine

PROJECT = Path(__file__).parent.parent
CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
MOST_SECONDS = 120.0  # of one run


class Run(NamedTuple):
    """How a process ended: its exit code (negative: the signal), its lines, its seconds, and the steps it counted."""

    code: int
    lines: list[str]
    seconds: float
    steps: int


class Kill(NamedTuple):
    """When a process is killed: after seconds, or before a step; never if neither is given."""

    seconds: float | None = None
    step: int | None = None

    def __str__(self) -> str:
        return f"after {self.seconds:.2f} s" if self.step is None else f"before step {self.step}"


NEVER = Kill()


def forked(work: Callable[[Acknowledge], None], root: Path, kill: Kill = NEVER) -> Run:
    """Run a function in a process of its own, with the lines that it acknowledges."""
    reader, writer = os.pipe()
    counted_reader, counted_writer = os.pipe()
    began = time.monotonic()
    process = os.fork()
    if process == 0:
        os.close(reader)
        os.setsid()
        _work(work, writer, counted_writer, root, kill.step)
    os.close(writer)
    os.close(counted_writer)
    timer = threading.Timer(MOST_SECONDS if kill.seconds is None else kill.seconds, os.kill, (process, signal.SIGKILL))
    timer.start()
    with os.fdopen(reader, "rb") as stream:
        _, status = os.waitpid(process, 0)
        timer.cancel()
        timer.join()
        os.set_blocking(reader, False)  # a trainer that outlives its parent may still have the pipe open
        lines = (stream.read() or b"").decode().split("\n")[:-1]
    with os.fdopen(counted_reader, "rb") as stream:
        os.set_blocking(counted_reader, False)
        steps = int(stream.read() or b"0")
    return Run(os.waitstatus_to_exitcode(status), lines, time.monotonic() - began, steps)


def _work(work: Callable[[Acknowledge], None], writer: int, counted: int, root: Path, step: int | None) -> None:
    """The life of the forked process."""
    code = 1
    try:
        steps = _Steps(root, step)
        work(lambda line: os.write(writer, f"{line}\n".encode()) and None)
        os.write(counted, str(steps.count).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it is a finding
        os.write(writer, f"failed: {traceback.format_exc()}".replace("\n", " | ").encode() + b"\n")
    finally:
        os._exit(code)


class _Steps:
    """Counts the changes of files below a folder, and the statements of SQL; ends the process before one of them."""

    def __init__(self, root: Path, last: int | None) -> None:
        self.count, self._root, self._last = 0, str(root), last
        sys.addaudithook(self._see)
        for name in ("before_cursor_execute", "commit"):
            event.listen(Engine, name, lambda *_: self._step())

    def _see(self, name: str, arguments: tuple[object, ...]) -> None:
        if name in CHANGES and isinstance(where := arguments[0], str | Path) and str(where).startswith(self._root):
            self._step()

    def _step(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class Problem(NamedTuple):
    """What was wrong after a kill."""

    operation: str
    kill: str
    what: str


def tried(operation: Operation, places: Places, kill: Kill) -> list[Problem]:
    """Kill an operation once, look, run it again, and look again."""
    places.reset()
    before = left_over(places)
    killed = forked(operation.run(places), places.root, kill)
    found = [line for line in killed.lines if line.startswith("failed: ")]
    acknowledged = [line for line in killed.lines if not line.startswith("failed: ")]
    found += _looked(operation, places, acknowledged, before, is_over=False)
    again = forked(operation.run(places), places.root)
    found += [f"the next run: {line}" for line in again.lines if line.startswith("failed: ")]
    if again.code and not found:
        found.append(f"the next run ended with {again.code}")
    acknowledged += [line for line in again.lines if not line.startswith("failed: ")]
    found += [f"after the next run: {each}" for each in _looked(operation, places, acknowledged, before, is_over=True)]
    return [Problem(operation.name, str(kill), each) for each in found]


def _looked(
    operation: Operation, places: Places, acknowledged: list[str], before: set[str], *, is_over: bool
) -> list[str]:
    def look(tell: Acknowledge) -> None:
        unknown = left_over(places) - before - operation.expected(places)
        for each in [*operation.check(places, acknowledged, is_over=is_over), *unknown]:
            tell(each)

    return forked(look, places.root).lines


def kills_of(clean: Run, chance: random.Random, count: int) -> list[Kill]:
    """Moments of a run like this one, half of them times, half of them steps."""
    return [
        Kill(seconds=chance.uniform(0, clean.seconds)) if number % 2 else Kill(step=chance.randint(1, clean.steps))
        for number in range(count)
    ]


def main() -> int:
    """Kill as often as is asked for; 1 if something was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgresql", metavar="URL", help="of a server that has the databases, in place of SQLite")
    parser.add_argument("--without-models", action="store_true", help="only what needs no trained model")
    options = parser.parse_args()
    chosen, make_workspace = _operations(with_models=not options.without_models)
    problems: list[Problem] = []
    done: Counter[str] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        places = Places(Path(folder), Databases(options.postgresql) if options.postgresql else None)
        _set_environment(places)
        if made := [line for line in forked(make_workspace(places), places.root).lines if line.startswith("failed")]:
            sys.exit(made[0].replace(" | ", "\n"))
        places.keep()
        for number, operation in enumerate(chosen):
            places.reset()
            clean = forked(operation.run(places), places.root)
            if clean.code:
                sys.exit(f"{operation.name} fails without a kill: {clean.lines}".replace(" | ", "\n"))
            share = options.kills // len(chosen) + (number < options.kills % len(chosen))
            for kill in kills_of(clean, random.Random(f"{options.seed} {operation.name}"), share):
                problems += tried(operation, places, kill)
                done[operation.name] += 1
            shown = f"{clean.steps} steps, {clean.seconds:.1f} s"
            print(f"{operation.name} ({shown}): {done[operation.name]} kills", flush=True)
    for problem in problems:
        print(f"{problem.operation}, killed {problem.kill}: {problem.what}".replace(" | ", "\n"))
    minutes = (time.monotonic() - began) / 60
    print(f"{done.total()} kills, seed {options.seed}, {minutes:.1f} minutes: {len(problems)} problems")
    return 1 if problems else 0


def _operations(*, with_models: bool) -> tuple[tuple[Operation, ...], Callable[[Places], Work]]:
    """The operations, and what makes their workspace."""
    plain = (*killed_operations.OPERATIONS, Bakeoff())
    if not with_models:
        return plain, killed_operations.make_workspace
    from scripts import killed_model_operations  # takes seconds

    return plain + killed_model_operations.OPERATIONS, killed_model_operations.make_trained_workspace


def _set_environment(places: Places) -> None:
    """A workspace, and trainers that are forked from one process with their libraries."""
    for name in [name for name in os.environ if name.startswith(("FINE_TUNING_", "OPENAI_"))]:
        del os.environ[name]
    trainer = [sys.executable, "-S", str(PROJECT / "tests" / "warm_processes.py"), "trainer"]
    trainer += [str(places.root / "trainer.socket"), str(os.getpid())]
    os.environ["FINE_TUNING_TRAINER_COMMAND"] = shlex.join(trainer)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    places.enter(places.home)
    if places.databases is not None:
        places.databases.copy(HOME, EMPTY)
    os.chdir(places.root)


if __name__ == "__main__":
    sys.exit(main())
