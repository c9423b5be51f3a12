"""Odd command lines: any command of `ft-cli` with any of its options, and values that people and attackers type.

`python -m scripts.fuzz_commands 10000` runs so many in a workspace of its own (`10000 5 8` those of seed 5, for eight
minutes at most), and prints those that ended otherwise than with an exit code and a line. tests/security runs some of
them each time.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer

from fine_tuning import ABTestFramework, CostTracker, FineTuningCLI, ModelRegistry
from fine_tuning.cli import app
from fine_tuning.distillation import DistillationDataCollector

SECONDS = 30  # of one command
EXIT_CODES = {0, 1, 2}
# No file is a pipe that nobody writes to: what reads pipes, such as those of `<(zcat FILE)`, waits for a writer.
# They run until stopped, train, or try a network again for longer than a fuzzer has.
LEFT_OUT = {
    *("serve", "ui", "worker", "demo", "auto-pipeline", "train", "jobs watch", "ab watch", "models pull"),
    "openai export",
}
WITHOUT = {"--install-completion", "--show-completion", "--follow", "-f"}  # of other programs; until stopped
ODD = (
    *(
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "1e999",
        "nan",
        "inf",
        "-inf",
        "9" * 400,
        "0x10",
        "١٢",
        "½",
        "1,5",
        "true",
        "None",
    ),
    *("../../etc/passwd", "/", ".", "~", "a/b", "a\\b", "C:\\x", "x" * 5000, "ü" * 300, "\ud800", "\u202e", "\t\n"),
    *("{", "[]", '{"a": [1, null]}', "a=b", "=", "a=", "=b", "@", "@live", "inbox@", "inbox-v", "inbox-v99", "-v1"),
    *("{{ x }}", "${HOME}", "`id`", "$(id)", "http://", "http://127.0.0.1:9/v1", "file:///etc/passwd", "2026-13-45"),
    *("a,b,,", "%s%n", "'; --"),
)
KNOWN = ("inbox", "inbox-v1", "inbox@live", "t", "model_a", "gpt-4o", "smollm2-135m-instruct", "shop", "0.5", "2", "95")


def inner_folder(folder: Path) -> Path:
    """Where commands run: paths that lead out of it (`../../etc/passwd`), to which they write, stay in the folder."""
    found = folder / "in" / "all" / "its" / "depth"
    found.mkdir(parents=True)
    return found


class TooLong(BaseException):
    """A command took longer than `SECONDS`; nothing that a command catches, as it does a TimeoutError of a host."""


class Ending(NamedTuple):
    """How a command line ended."""

    arguments: list[str]
    problem: str | None
    seconds: float


def commands() -> dict[str, Any]:
    """The parsers' commands by name, those that are left out apart."""
    found: dict[str, Any] = {}
    waiting = [("", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        groups = getattr(command, "commands", None)
        if groups is None:
            found[name] = command
        else:
            waiting += [(f"{name} {key}".strip(), each) for key, each in groups.items()]
    return {name: command for name, command in sorted(found.items()) if name not in LEFT_OUT}


def prepare(folder: Path) -> list[str]:
    """Fill the workspace with something to name, and write files of all kinds into a folder. Returns their paths."""
    registry, tests, tracker = ModelRegistry(), ABTestFramework(), CostTracker()
    registry.register_model("inbox", "smollm2-135m-instruct", "ftjob-1", 10)
    registry.deploy_model("inbox", 1)
    tests.create_test("t", "inbox", "gpt-4o")
    tracker.record_inference("inbox", 10, 0.5, True)
    DistillationDataCollector().capture_success("Where is order 7?", "On its way.", "shop", "gpt-4o")
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    contents: dict[str, bytes] = {
        "good.jsonl": b"".join(json.dumps(chat).encode() + b"\n" for _ in range(12)),
        "half.jsonl": json.dumps(chat).encode()[:30],
        "empty.jsonl": b"",
        "nul.jsonl": b"\0" * 64,
        "bytes.bin": bytes(range(256)),
        "table.csv": b'question,answer\na,b\n"open,c\n',
        "list.json": b"[1, [2, [3]]]",
        "deep.json": b"[" * 100_000,
        "page.html": b"<html>",
        "false.parquet": b"PAR1....PAR1",
        "model.gguf": b"GGUF" + b"\xff" * 64,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "folder").mkdir()
    return [str(folder / name) for name in (*contents, "loop", "folder", "missing", "folder/new")]


def command_lines(count: int, seed: int, files: list[str]) -> Iterator[list[str]]:
    """Command lines, the same for the same seed."""
    chance = random.Random(seed)
    known = commands()
    for _ in range(count):
        name = chance.choice([*known])
        arguments = name.split()
        for parameter in known[name].params:
            is_argument = parameter.param_type_name == "argument"
            if not is_argument and chance.random() > (0.8 if parameter.required else 0.25):
                continue
            if not is_argument:
                arguments.append(chance.choice(parameter.opts + parameter.secondary_opts))
            if is_argument or not getattr(parameter, "is_flag", False) or chance.random() < 0.05:
                arguments += [_value(chance, files) for _ in range(chance.choice((1, 1, 1, 1, 2, 0)))]
        yield [each for each in arguments if each not in WITHOUT]


def _value(chance: random.Random, files: list[str]) -> str:
    return chance.choice(chance.choice((ODD, KNOWN, files)))


def run(arguments: list[str]) -> Ending:
    """Run a command line here, with neither input nor a terminal."""
    began = time.monotonic()
    output, errors = io.TextIOWrapper(io.BytesIO(), "utf-8", "replace"), io.StringIO()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    problem = None
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = FineTuningCLI().run(arguments)
        if code not in EXIT_CODES:
            problem = f"exit code {code}"
        elif code and len(errors.getvalue().strip().splitlines()) > 1 and "Usage" not in errors.getvalue():
            problem = f"several lines: {errors.getvalue()[:300]}"
        elif "Traceback" in errors.getvalue():
            problem = "a traceback"
        elif code and not errors.getvalue().strip() + output.buffer.getvalue().decode().strip():
            problem = f"exit code {code} without a word"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is a finding
        problem = f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.alarm(0)
    return Ending(arguments, problem, time.monotonic() - began)


def _too_long(*_: object) -> None:
    raise TooLong(f"longer than {SECONDS} s")


def main() -> int:
    """Run as many command lines as the first argument says, or for minutes (the third); 1 if one ended badly."""
    count, seed, minutes = (*map(float, sys.argv[1:]), *(0.0, float("inf"))[len(sys.argv) - 2 :])
    until = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FINE_TUNING_HOME"] = f"{folder}/workspace"
        os.environ.update(OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_API_KEY="k")
        os.chdir(inner_folder(Path(folder)))
        lines = command_lines(int(count), int(seed), prepare(Path(folder)))
        endings = [run(each) for each in itertools.takewhile(lambda _: time.monotonic() < until, lines)]
    bad = [each for each in endings if each.problem is not None]
    kinds = Counter((" ".join(each.arguments[:2]), (each.problem or "")[:100]) for each in bad)
    for (name, problem), times in kinds.most_common():
        example = next(each for each in bad if (each.problem or "")[:100] == problem)
        print(f"{times} x {name}: {problem}\n    {[text[:80] for text in example.arguments]}")
    slowest = max(endings, key=lambda each: each.seconds)
    print(f"longest: {[text[:80] for text in slowest.arguments]}")
    ended = f"{len(bad)} ended badly; the longest took {slowest.seconds:.1f} s"
    print(f"{len(endings)} command lines, seed {seed:.0f}: {ended}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
