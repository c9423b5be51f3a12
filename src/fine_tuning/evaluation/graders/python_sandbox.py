"""The process of one python grader: it takes a request on standard input, and writes one reply to standard output.

After the modules that the source imports are loaded, Linux's seccomp allows nothing but computing: no file, socket,
program, process or signal to another one can be opened or made, by whatever trick. Memory, time and the size of the
reply have limits. This file is run alone and imports the standard library only.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import importlib
import json
import os
import platform
import resource
import signal
import struct
import sys

MIB = 1 << 20
MAX_REPLY_BYTES = 1 << 16
TIME_SIGNALS = (-signal.SIGXCPU, -signal.SIGKILL)
_SOURCE_NAME = "<grader>"
_SHOWN_CHARACTERS = 500

MODULES = frozenset(
    (
        "abc ast base64 binascii bisect calendar cmath collections contextlib copy csv dataclasses datetime decimal "
        "difflib enum fractions functools hashlib heapq hmac html io itertools json keyword math numbers operator "
        "random re statistics string struct textwrap time typing unicodedata urllib uuid xml zlib "
        "jsonschema nltk numpy rapidfuzz regex rouge_score sacrebleu scipy"
    ).split()
)
# Loaded by the standard library only when they are needed, which is then too late.
_LAZY_MODULES = ("_strptime", "encodings.ascii", "encodings.latin_1", "encodings.utf_16", "encodings.unicode_escape")

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refused: EPERM
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOWED_CALLS = {  # system calls, with their numbers on these two
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "exit": (60, 93),
    "uname": (63, 160),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "times": (100, 153),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "futex": (202, 98),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
    "sched_getaffinity": (204, 123),
    "rseq": (334, 293),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def main() -> None:
    """Answer the request, and leave without running what the source may have left behind."""
    request = json.loads(sys.stdin.buffer.read())
    reply_to = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    reply = _answer(request)
    os.write(reply_to, json.dumps(reply).encode())
    os._exit(0)


def _answer(request: dict[str, object]) -> dict[str, object]:
    source = str(request["source"])
    try:
        _limit(int(str(request["memory_mib"])), int(str(request["seconds"])))
        _load_modules(source)
        _lock()
    except (OSError, ValueError) as error:
        return {"unavailable": str(error)}
    try:
        return {"reward": _reward(source, request["sample"], request["item"])}
    except BaseException as error:  # noqa: BLE001 - whatever a user's source raises is its error
        return {"error": _described(error)[:_SHOWN_CHARACTERS]}


def _reward(source: str, sample: object, item: object) -> float:
    names: dict[str, object] = {"__name__": "grader"}
    exec(compile(source, _SOURCE_NAME, "exec", dont_inherit=True), names)  # noqa: S102 - what this process is for
    found = names["grade"](sample, item)  # type: ignore[operator]
    if isinstance(found, str | bytes) or not hasattr(found, "__float__"):
        raise TypeError(f"grade must return a number, not {type(found).__name__}")
    return float(found)


def _described(error: BaseException) -> str:
    """The error, and the last line of the source that led to it."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _SOURCE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = "" if line is None else f" (line {line})"
    name = getattr(error, "name", None)
    if isinstance(error, ImportError | PermissionError) and str(name).partition(".")[0] not in MODULES and name:
        return f"the module {name} is not available to python graders{where}; there are {', '.join(sorted(MODULES))}"
    return f"{type(error).__name__}: {error}{where}"


def _limit(memory_mib: int, seconds: int) -> None:
    for limit, soft, hard in (
        (resource.RLIMIT_AS, memory_mib * MIB, memory_mib * MIB),
        (resource.RLIMIT_CPU, seconds, seconds + 1),  # the second is of SIGKILL, which cannot be caught
        (resource.RLIMIT_FSIZE, MAX_REPLY_BYTES, MAX_REPLY_BYTES),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(limit, (soft, hard))


def _load_modules(source: str) -> None:
    """Import what the source will import, of the modules that it may; a missing one is an error when it is imported."""
    names = set(_LAZY_MODULES)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    for name in names:
        if name in _LAZY_MODULES or (name.partition(".")[0] in MODULES and "__main__" not in name):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _lock() -> None:
    """Allow computing only, for the rest of this process.

    Raises:
        OSError: the kernel or the machine has no such filter.
    """
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        raise OSError(f"there is none for {platform.system()} on {platform.machine()}")
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, *([ctypes.c_ulong] * 4))
    instructions = b"".join(struct.pack("=HBBI", *each) for each in _filter(platform.machine()))
    program = _Program(len(instructions) // 8, instructions)
    for option, *arguments in (
        (_PR_SET_PDEATHSIG, signal.SIGKILL, 0),
        (_PR_SET_NO_NEW_PRIVS, 1, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program)),
    ):
        if prctl(option, *arguments, 0, 0):
            raise OSError(f"the kernel refuses it ({os.strerror(ctypes.get_errno())})")


def _filter(machine: str) -> list[tuple[int, int, int, int]]:
    """A program of classic BPF: operation, jump if true, jump if false, operand (seccomp(2))."""
    allowed = [numbers[list(_ARCHITECTURES).index(machine)] for numbers in _ALLOWED_CALLS.values()]
    checks = [(_JUMP_IF_EQUAL, len(allowed) - position, 0, number) for position, number in enumerate(allowed)]
    return [
        (_LOAD_WORD, 0, 0, 4),  # the architecture
        (_JUMP_IF_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD_WORD, 0, 0, 0),  # the number of the call
        *checks,
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]


if __name__ == "__main__":
    main()
