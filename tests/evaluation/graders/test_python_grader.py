"""Python graders: what they can compute, and what their sandbox prevents."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from threading import Semaphore, Timer

import pytest
from pydantic import ValidationError

from fine_tuning.evaluation.graders.grading import Outcome, PythonLimits
from tests.evaluation.graders.test_graders import grade

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's seccomp")

LIMITS = PythonLimits(seconds=1, memory_mib=512)
# The os module, found by a trick that needs no import.
TRICK = "    g = [c for c in object.__subclasses__() if c.__name__ == '_wrap_close'][0].__init__.__globals__\n"


def outcome(source: str, answer: str = "", item: dict[str, object] | None = None) -> Outcome:
    return grade({"type": "python", "source": source}, answer, item, python=LIMITS).outcome


def body(line: str, before: str = "") -> str:
    return f"{before}\ndef grade(sample, item):\n{TRICK}    {line}\n"


@pytest.mark.parametrize(
    ("line", "reward"),
    [
        ("return len(sample['output_text']) / 10", 0.9),
        ("return float(sample['output_json']['n'] == item['n'])", 1),
        ("return True", 1),
        ("return 3", 3),
        ("import re, json; return float(bool(re.search('n', json.dumps(item))))", 1),
        ("from rapidfuzz import fuzz; return fuzz.ratio('ab', 'ab') / 100", 1),
        ("import numpy as np; return np.float32(0.5)", 0.5),
        ("from datetime import datetime; return datetime.strptime('2020', '%Y').year", 2020),
        ("print('noise'); return 0", 0),
    ],
)
def test_python_grader_computes(line: str, reward: float) -> None:
    found = outcome(body(line), '{"n": 10}', {"n": 10})
    assert (found.problems, found.reward) == ((), pytest.approx(reward))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("return 1 / 0", "ZeroDivisionError: division by zero (line 4)"),
        ("return 'x'", "must return a number, not str"),
        ("return None", "must return a number, not NoneType"),
        ("return float('nan')", "finite number"),
        ("raise ValueError('a\\nb\\ud800')", "ValueError: a b? (line 4)"),
        ("return item['missing']", "KeyError: 'missing'"),
        ("raise SystemExit(0)", "SystemExit"),
        ("return grade(sample, item)", "RecursionError"),
        ("return len('a' * 10**9)", "MemoryError"),
        ("while True: pass", "longer than 1 s"),
        ("import time; time.sleep(60)", "longer than 1 s"),
        ("import socket", "the module socket is not available"),
        ("import subprocess", "the module subprocess is not available"),
        ("import fine_tuning", "the module fine_tuning is not available"),
        ("g['_exit'](0)", "status 0 and without a reward"),
    ],
)
def test_python_grader_failure_has_no_reward_and_says_why(line: str, words: str) -> None:
    found = outcome(body(line))
    assert found.reward is None
    [problem] = found.problems
    assert problem.flag == "python_grader_runtime_error"
    assert words in problem.details


@pytest.mark.parametrize(
    "line",
    [
        "return len(open('/etc/passwd').read())",
        "return len(g['listdir']('/'))",
        "return g['stat']('/').st_size",
        "return g['fork']() or 1",
        "g['kill'](g['getppid'](), 9); return 1",
        "g['execv']('/bin/true', ['true'])",
        "g['posix_spawn']('/bin/true', ['true'], {}); return 1",
        "g['mkdir']('made'); return 1",
        "g['pipe'](); return 1",
        "g['setpriority'](0, g['getpid'](), 5); return 1",
    ],
)
def test_python_grader_cannot_leave_its_process(line: str) -> None:
    found = outcome(body(line))
    assert found.reward is None
    assert "Operation not permitted" in found.problems[0].details or "is not available" in found.problems[0].details


def test_python_grader_runs_no_program(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert outcome(body(f"return g['system']('touch {made}')")).reward != 0
    assert not made.exists()


def test_python_grader_has_no_sockets() -> None:
    line = "import uuid; s = __import__('_socket').socket(); return 1"
    found = outcome(body(line, before="import urllib.request"))  # a module that has loaded sockets
    assert found.reward is None
    assert "not permitted" in found.problems[0].details


def test_python_grader_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert outcome(body("return 'OPENAI_API_KEY' in g['environ']")).reward == 0
    assert os.environ["OPENAI_API_KEY"] == "secret"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", r"source must define grade\(sample, item\)"),
        ("def grade(:", r"no Python: .*\(line 1\)"),
        ("def grade(sample, item): pass\0", "no Python"),
        ("(" * 9000, "no Python"),
    ],
)
def test_python_source_that_is_none_is_refused(source: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        outcome(source)


def test_python_grader_is_off_without_limits() -> None:
    found = grade({"type": "python", "source": "def grade(sample, item): return 1"}).outcome
    assert (found.reward, found.problems[0].kind) == (None, "disabled")


def test_python_grader_waits_for_a_place_and_says_when_there_is_none() -> None:
    limits = PythonLimits(seconds=5, memory_mib=512, places=Semaphore(1), wait_seconds=0.1)
    grader = {"type": "python", "source": "def grade(sample, item): return 1"}
    limits.places.acquire()
    busy = grade(grader, python=limits).outcome
    assert (busy.reward, busy.problems[0].flag, busy.problems[0].kind) == (None, "python_grader_server_error", "busy")
    Timer(0.2, limits.places.release).start()
    patient = replace(limits, wait_seconds=30)
    assert grade(grader, python=patient).outcome.reward == 1
    failing = {**grader, "source": "def grade(sample, item): return item['x']"}
    for each in (failing, failing, grader):  # a failure gives its place back
        last = grade(each, python=limits).outcome
    assert last.reward == 1
